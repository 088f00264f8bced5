-- Writes the changed entries of a session and starts its idle timeout anew, unless it has ended.
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
-- ARGV[10]  '+' and the user id when the session becomes another user's, '+' for nobody's, '' to leave it
-- ARGV[11]  when it was indexed as that user's, epoch ms by the clock of the index, 0 for not
-- ARGV[12]  number of removed fields
-- ARGV[13]  the removed fields, then field and value of each changed entry
--
-- Returns {DONE, now, hash of the newest secret, idle timeout in ms, when the user has proved who they are or 0} when written, {GONE, now} when the session has ended.

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
if ARGV[10] ~= '' then
  -- Another id says nothing of when somebody has proved who they are.
  if meta.user == '' then meta.auth = base36(now) end
  meta.user, meta.indexed = ARGV[10]:sub(2), tonumber(ARGV[11])
  endGrace(meta)
end
-- First what Redis refuses when it is out of memory, so that a refused save has written nothing.
write(key, meta)
writeDevice(key, ARGV[9])
local removed = tonumber(ARGV[12])
for i = 13 + removed, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
for i = 13, 12 + removed do redis.call('HDEL', key, ARGV[i]) end
forgetFrom(key)
if not keepsCookie then writeCookie(key, ARGV[7]) end
expire(key, meta)
return {DONE, now, newest(meta), meta.idle, authenticated(meta)}
