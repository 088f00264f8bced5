-- Says again that a session in use is the user's, and until when it can be alive.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  epoch ms of the latest moment at which it can be alive
--
-- Returns {1, now} when said, {0, now} when the session is being ended.

-- include _index

local key, now = KEYS[1], clock()
-- First, also since Redis that is out of memory refuses nothing of a script that has written: a session in use must not lose its name.
sweep(key, now)
if stateOf(redis.call('ZSCORE', key, ARGV[1])) == ENDING then return {GONE, now} end
add(key, ARGV[1], tonumber(ARGV[2]))
expire(key)
return {DONE, now}
