-- Starts the idle timeout of a session anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  idle timeout in ms
-- ARGV[5]  cookie attributes as JSON, '' for none
-- ARGV[6]  the same as loaded
-- ARGV[7]  device as JSON, '' to leave it
--
-- Returns {1, now, hash of the current secret, idle timeout in ms} when touched, {0, now} when the session has ended.

-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end

local keepsCookie = isCookieOfAnother(key, ARGV[5], ARGV[6])
meta.seen = now
if not keepsCookie then meta.idle = tonumber(ARGV[4]) end
confirm(meta, ARGV[2], tonumber(ARGV[3]), now)
-- First what Redis does even when it is out of memory; from then on it refuses nothing of this script. A session in use must not end
-- because its metadata cannot be written.
redis.call('PEXPIRE', key, string.format('%.0f', meta.idle))
write(key, meta)
writeDevice(key, ARGV[7])
if not keepsCookie then writeCookie(key, ARGV[5]) end
expire(key, meta)
return {DONE, now, meta.hash, meta.idle}
