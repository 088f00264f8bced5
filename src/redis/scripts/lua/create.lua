-- Stores a new session, unless its handle is taken.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  absolute timeout in ms, 0 for none
-- ARGV[4]  absolute end in epoch ms to keep, 0 to take ARGV[3] from now
-- ARGV[5]  user id, '' for none
-- ARGV[6]  when the user signed in, in epoch ms, to keep, 0 for now
-- ARGV[7]  when it was indexed, epoch ms by the clock of the index, 0 for not
-- ARGV[8]  handle of the user's session that it replaces, '' for none
-- ARGV[9]  cookie attributes as JSON, '' for none
-- ARGV[10]  device as JSON, '' for none
-- ARGV[11]  until when the credential that it is made from could come again, epoch ms, '' where it is made from none
-- ARGV[12]  field and value of the first entry, and so on in pairs
--
-- Returns {DONE, now, absolute end or 0} when stored, {UNCHANGED, now, 0} when this secret's session was stored by an earlier try,
-- {TAKEN, now, 0} when the handle belongs to another session, {GONE, now, 0} when somebody has ended the session before it came to be.

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  local meta = read(key)
  if meta and meta.hash == ARGV[1] then return {UNCHANGED, now, 0} end
  local word = redis.call('HGET', key, GONE_FIELD) or ''
  -- What its holder has ended bars only what would bring the data back; a sid that comes again is a new session.
  if word ~= NO_WORD then return {word:find(NO_WORD, 1, true) == 1 and GONE or TAKEN, now, 0} end
  redis.call('DEL', key)
end

local ends
if ARGV[4] ~= '0' then ends = tonumber(ARGV[4]) elseif ARGV[3] ~= '0' then ends = now + tonumber(ARGV[3]) end
local auth = ARGV[6] == '0' and '' or base36(tonumber(ARGV[6]))
local meta = {
  created = now, seen = now, ends = ends, idle = tonumber(ARGV[2]), auth = auth, indexed = tonumber(ARGV[7]), hash = ARGV[1], unconfirmed = {},
  previous = {}, user = ARGV[5],
}
-- Without the last command, which gives it an end, it would stay for ever.
local isStored, failure = pcall(function()
  write(key, meta)
  if ARGV[8] ~= '' then redis.call('HSET', key, FROM, ARGV[8]) end
  if ARGV[9] ~= '' then writeCookie(key, ARGV[9]) end
  writeDevice(key, ARGV[10])
  if ARGV[11] ~= '' then redis.call('HSET', key, ADOPTED, base36(tonumber(ARGV[11]))) end
  for i = 12, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  expire(key, meta)
end)
if not isStored then
  redis.call('DEL', key)
  return type(failure) == 'table' and failure or redis.error_reply(failure)
end
return {DONE, now, ends or 0}
