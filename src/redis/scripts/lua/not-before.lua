-- Sets the time before which the sessions of a user are dead, unless a later one is set. What has not come yet counts as now, or the
-- sign-ins until then would be dead too; those of this very millisecond are dead with it.
--
-- KEYS[1]  that time
-- ARGV[1]  epoch ms, '' for now
-- ARGV[2]  for how many ms it is kept
--
-- Returns {DONE, now, the time that counts}, {DAMAGED, now} when what lies there is no time, and may have been a later one.

-- include _status

local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local soon = now + 1
local counts = math.min(tonumber(ARGV[1]) or soon, soon)
local found = redis.pcall('GET', key) or '0'
if type(found) == 'table' and not found.err:find('^WRONGTYPE') then return found end
local set = type(found) == 'string' and found:match('^%d+$') and tonumber(found)
if not set and counts < soon then return {DAMAGED, now} end
redis.call('SET', key, string.format('%.0f', math.max(set or 0, counts)), 'PX', ARGV[2])
return {DONE, now, counts}
