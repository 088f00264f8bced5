-- Writes the changed entries of a session and starts its idle timeout anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  idle timeout in ms
-- ARGV[5]  cookie attributes as JSON, '' for none
-- ARGV[6]  the same as loaded
-- ARGV[7]  device as JSON, '' to leave it
-- ARGV[8]  '+' and the user id when the session becomes another user's, '+' for nobody's, '' to leave it
-- ARGV[9]  number of removed fields
-- ARGV[10]  the removed fields, then field and value of each changed entry
--
-- Returns {1, now, hash of the current secret, idle timeout in ms} when written, {0, now} when the session has ended.

-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end

local keepsCookie = isCookieOfAnother(key, ARGV[5], ARGV[6])
meta.seen = now
if not keepsCookie then meta.idle = tonumber(ARGV[4]) end
confirm(meta, ARGV[2], tonumber(ARGV[3]), now)
if ARGV[8] ~= '' then
  meta.user, meta.auth = ARGV[8]:sub(2), base36(now)
  endGrace(meta)
end
-- First what Redis refuses when it is out of memory, so that a refused save has written nothing.
write(key, meta)
writeDevice(key, ARGV[7])
local removed = tonumber(ARGV[9])
for i = 10 + removed, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
for i = 10, 9 + removed do redis.call('HDEL', key, ARGV[i]) end
if not keepsCookie then writeCookie(key, ARGV[5]) end
expire(key, meta)
return {DONE, now, meta.hash, meta.idle}
