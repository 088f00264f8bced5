-- Replaces the text of an entry, if it is still the expected one, unless the session has ended or is another user's.
--
-- KEYS[1]  session
-- ARGV[1]  when the session was created, epoch ms
-- ARGV[2]  user id whose session it must be
-- ARGV[3]  field of the entry
-- ARGV[4]  expected text
-- ARGV[5]  new text
--
-- Returns {DONE, now} when replaced, {CHANGED, now} when the text was another, {GONE, now} when there is no such session (any more).

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta or meta.user ~= ARGV[2] then return {GONE, now} end
if redis.call('HGET', key, ARGV[3]) ~= ARGV[4] then return {CHANGED, now} end

endGrace(meta)
write(key, meta)
redis.call('HSET', key, ARGV[3], ARGV[5])
return {DONE, now}
