-- Replaces the text of an entry, if it is still the expected one, unless the session has ended or is another user's.
--
-- KEYS[1]  session
-- ARGV[1]  when the session was created, epoch ms
-- ARGV[2]  user id whose session it must be
-- ARGV[3]  field of the entry
-- ARGV[4]  expected text
-- ARGV[5]  new text
--
-- Returns {1, now} when replaced, {5, now} when the text was another, {0, now} when there is no such session (any more).

-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta or meta.user ~= ARGV[2] then return {GONE, now} end
if redis.call('HGET', key, ARGV[3]) ~= ARGV[4] then return {5, now} end

endGrace(meta)
write(key, meta)
redis.call('HSET', key, ARGV[3], ARGV[5])
return {DONE, now}
