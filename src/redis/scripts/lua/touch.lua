-- Starts the idle timeout of a session anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  hash of the secret that the request has made and is about to tell, '' for none
-- ARGV[5]  rotation grace in ms
-- ARGV[6]  idle timeout in ms
-- ARGV[7]  cookie attributes as JSON, '' for none
-- ARGV[8]  the same as loaded
-- ARGV[9]  device as JSON, '' to leave it
--
-- Returns {DONE, now, hash of the newest secret, idle timeout in ms} when touched, {GONE, now} when the session has ended.

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
local meta = readFor(key, ARGV[1], ARGV[2], ARGV[3], now)
if not meta then return {GONE, now} end

local keepsCookie = isCookieOfAnother(key, ARGV[7], ARGV[8])
meta.seen = now
if not keepsCookie then meta.idle = tonumber(ARGV[6]) end
confirm(meta, ARGV[2], tonumber(ARGV[5]), now)
tell(meta, ARGV[4], now)
-- First what Redis does even when it is out of memory; from then on it refuses nothing of this script. A session in use must not end
-- because its metadata cannot be written.
redis.call('PEXPIRE', key, string.format('%.0f', meta.idle))
write(key, meta)
writeDevice(key, ARGV[9])
forgetFrom(key)
if not keepsCookie then writeCookie(key, ARGV[7]) end
expire(key, meta)
return {DONE, now, newest(meta), meta.idle}
