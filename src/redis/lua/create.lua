-- Stores a new session, unless its handle is taken.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  absolute timeout in ms, 0 for none
-- ARGV[4]  absolute end in epoch ms to keep, 0 to take ARGV[3] from now
-- ARGV[5]  user id, '' for none
-- ARGV[6]  when the user signed in, in epoch ms, to keep, 0 for now
-- ARGV[7]  cookie attributes as JSON, '' for none
-- ARGV[8]  device as JSON, '' for none
-- ARGV[9]  field and value of the first entry, and so on in pairs
--
-- Returns {1, now, absolute end or 0} when stored, {2, now, 0} when this secret's session was stored by an earlier try,
-- {3, now, 0} when the handle belongs to another session.

-- include _meta

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  local meta = read(key)
  if meta and meta.hash == ARGV[1] then return {2, now, 0} end
  return {3, now, 0}
end

local ends
if ARGV[4] ~= '0' then ends = tonumber(ARGV[4]) elseif ARGV[3] ~= '0' then ends = now + tonumber(ARGV[3]) end
local auth = ARGV[6] == '0' and '' or base36(tonumber(ARGV[6]))
local meta = { created = now, seen = now, ends = ends, idle = tonumber(ARGV[2]), auth = auth, hash = ARGV[1], unpresented = {}, former = {}, user = ARGV[5] }
write(key, meta)
if ARGV[7] ~= '' then writeCookie(key, ARGV[7]) end
writeDevice(key, ARGV[8])
for i = 9, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
expire(key, meta)
return {DONE, now, ends or 0}
