-- Takes the reserved place for good, now that the session is the user's. A place that is gone has been taken away by whoever ended the
-- user's sessions meanwhile.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  epoch ms of the latest moment at which it can be alive
-- ARGV[3]  handle of the user's session that it has replaced, '' for none
--
-- Returns {1, now, number of sessions} when taken (also by an earlier try), {0, now} when the place is gone.

-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local score = redis.call('ZSCORE', key, ARGV[1])
if not score or stateOf(score) == ENDING then return {GONE, now} end
add(key, ARGV[1], tonumber(ARGV[2]))
if ARGV[3] ~= '' then redis.call('ZREM', key, ARGV[3]) end
expire(key)
return {DONE, now, redis.call('ZCARD', key)}
