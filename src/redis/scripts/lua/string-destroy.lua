-- Ends a session that connect-redis keeps.
--
-- KEYS[1]  string
-- ARGV[1]  text that it must have, '@' for any sealed one, '' for any
--
-- Returns {DONE, now, text} when it has ended now, {CHANGED, now} when its text is not so, {GONE, now} when there is none.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
local isExpected = ARGV[1] == '' or value == ARGV[1] or (ARGV[1] == MARK and isSealed(value))
if not isExpected then return {CHANGED, now} end
redis.call('DEL', key)
return {DONE, now, value}
