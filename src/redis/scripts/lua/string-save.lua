-- Replaces the text of a session that connect-redis keeps and starts its idle timeout anew, if the text is still the expected one.
--
-- KEYS[1]  string
-- ARGV[1]  expected text
-- ARGV[2]  new text
-- ARGV[3]  idle timeout in ms
--
-- Returns {DONE, now} when replaced, {CHANGED, now, text, ms until it ends or -1} when the text is another or sealed, {GONE, now} when there is none.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if isSealed(value) or value ~= ARGV[1] then return {CHANGED, now, value, redis.call('PTTL', key)} end
redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
return {DONE, now}
