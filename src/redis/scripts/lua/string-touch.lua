-- Starts the idle timeout of a session anew that connect-redis keeps, unless it is sealed: nothing moves the end of that.
--
-- KEYS[1]  string
-- ARGV[1]  idle timeout in ms
--
-- Returns {DONE, now} when touched, {CHANGED, now, text, ms until it ends} when it is sealed, {GONE, now} when there is none.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if isSealed(value) then return {CHANGED, now, value, redis.call('PTTL', key)} end
redis.call('PEXPIRE', key, ARGV[1])
return {DONE, now}
