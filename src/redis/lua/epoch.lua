-- Sets the time before which the sessions of a user are dead, unless a later one is set. What has not come yet counts as now, or the
-- sign-ins until then would be dead too.
--
-- KEYS[1]  epoch of the user
-- ARGV[1]  epoch ms
-- ARGV[2]  for how many ms it is kept
--
-- Returns {1, now, the time that counts}.

local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local counts = math.min(tonumber(ARGV[1]), now)
local set = tonumber(redis.call('GET', key) or '0') or 0
redis.call('SET', key, string.format('%.0f', math.max(set, counts)), 'PX', ARGV[2])
return {1, now, counts}
