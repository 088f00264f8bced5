-- Stores a new session as connect-redis keeps it, unless there is one.
--
-- KEYS[1]  string
-- ARGV[1]  text
-- ARGV[2]  idle timeout in ms
--
-- Returns {DONE, now} when stored, {TAKEN, now} when there is one.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then return {DONE, now} end
return {TAKEN, now}
