-- Stores a new session, unless its handle is taken.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  absolute timeout in ms, 0 for none
-- ARGV[4]  absolute end in epoch ms to keep, 0 to take ARGV[3] from now
-- ARGV[5]  cookie attributes as JSON, '' for none
-- ARGV[6]  field and value of the first entry, and so on in pairs
--
-- Returns {1, now, absolute end} when stored, {2, now, 0} when this secret's session was stored by an earlier try,
-- {3, now, 0} when the handle belongs to another session.

-- include _meta

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  local meta = read(key)
  if meta and meta.hash == ARGV[1] then return {2, now, 0} end
  return {3, now, 0}
end

local ends = tonumber(ARGV[4])
if ends == 0 and ARGV[3] ~= '0' then ends = now + tonumber(ARGV[3]) end
local meta = { created = number(now), seen = now, ends = ends, idle = tonumber(ARGV[2]), hash = ARGV[1], prev = '', prevEnds = 0, rotated = 0 }
write(key, meta)
if ARGV[5] ~= '' then writeCookie(key, ARGV[5]) end
for i = 6, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
expire(key, meta)
return {DONE, now, ends}
