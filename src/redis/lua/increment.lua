-- Adds to an integer entry of a session, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  field of the entry
-- ARGV[3]  what to add, an integer
--
-- Returns {1, now, sum} when added, {4, now} when the entry is not an integer or the sum would not be a safe one in JavaScript,
-- {0, now} when the session has ended.

-- include _meta

local key, now = KEYS[1], clock()
if not readLive(key, ARGV[1], now) then return {GONE, now} end

local SAFE = 9007199254740991
local text = redis.call('HGET', key, ARGV[2]) or '0'
local function number(integer) return string.format('%.0f', integer) end
local function isSafe(value) return value <= SAFE and value >= -SAFE end
local value = #text <= 17 and text:match('^-?%d+$') and tonumber(text)
local sum = value and value + tonumber(ARGV[3])
if not sum or not isSafe(value) or not isSafe(sum) then return {4, now} end
redis.call('HSET', key, ARGV[2], number(sum))
-- As text: ioredis reads an integer reply of sixteen digits inexactly.
return {DONE, now, number(sum)}
