-- Reads what connect-redis keeps of a session.
--
-- KEYS[1]  string
--
-- Returns {DONE, now, text, ms until it ends or -1} when there is one, {GONE, now} when there is none.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
return {DONE, now, value, redis.call('PTTL', key)}
