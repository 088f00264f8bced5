-- Stores what was a string of connect-redis as a session of its own, which ends when the string would have.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  ms until the string ends
-- ARGV[4]  absolute timeout in ms, 0 for none
-- ARGV[5]  user id, '' for none
-- ARGV[6]  when the user signed in, in epoch ms
-- ARGV[7]  when it was indexed, epoch ms by the clock of the index, 0 for not
-- ARGV[8]  cookie attributes as JSON, '' for none
-- ARGV[9]  field and value of the first entry, and so on in pairs
--
-- Returns {DONE, now} when stored, {UNCHANGED, now} when it is there already, {GONE, now} when it was ended, {TAKEN, now} when what is there is no session.

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  if read(key) then return {UNCHANGED, now} end
  return {redis.call('HEXISTS', key, GONE_FIELD) == 1 and GONE or TAKEN, now}
end

local left = tonumber(ARGV[3])
-- So that it was not seen before 1970: a time has no sign.
local idle = math.min(tonumber(ARGV[2]), now + left - 1)
-- Nobody knows when it was created. It was there when it was last seen, which its end tells.
local seen = now - math.max(0, idle - left)
local meta = {
  created = seen, seen = seen, ends = ARGV[4] ~= '0' and now + tonumber(ARGV[4]) or nil, idle = math.max(idle, left),
  auth = ARGV[5] == '' and '' or base36(tonumber(ARGV[6])), indexed = tonumber(ARGV[7]), hash = ARGV[1], unconfirmed = {}, previous = {}, user = ARGV[5],
}
-- Without the last command, which gives it an end, it would stay for ever.
local isStored, failure = pcall(function()
  write(key, meta)
  redis.call('HSET', key, WAS, string.format('%.0f', now + left))
  if ARGV[8] ~= '' then writeCookie(key, ARGV[8]) end
  for i = 9, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  expire(key, meta)
end)
if not isStored then
  redis.call('DEL', key)
  return type(failure) == 'table' and failure or redis.error_reply(failure)
end
return {DONE, now}
