-- Drops names of sessions that have gone.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  when the session was indexed, epoch ms, 0 when not known; '' where nobody asks whether it is over
-- ARGV[2]  handle, and so on
--
-- Returns {DONE, now}, or {GONE, now} when a fence has ended the session that was asked for.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
redis.call('ZREM', key, unpack(ARGV, 2))
if ARGV[1] ~= '' and isEnded(fenceOf(key), ARGV[2], ARGV[1]) then return {GONE, now} end
return {DONE, now}
