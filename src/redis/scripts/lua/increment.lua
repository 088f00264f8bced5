-- Adds to an integer entry of a session, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  field of the entry
-- ARGV[5]  what to add, an integer
--
-- Returns {DONE, now, sum} when added, {NOT_INTEGER, now} when the entry is not an integer or the sum would not be a safe one in JavaScript,
-- {GONE, now} when the session has ended.

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
if not readFor(key, ARGV[1], ARGV[2], ARGV[3], now) then return {GONE, now} end

local SAFE = 9007199254740991
local text = redis.call('HGET', key, ARGV[4]) or '0'
local function number(integer) return string.format('%.0f', integer) end
local function isSafe(value) return value <= SAFE and value >= -SAFE end
local value = #text <= 17 and text:match('^-?%d+$') and tonumber(text)
local sum = value and value + tonumber(ARGV[5])
if not sum or not isSafe(value) or not isSafe(sum) then return {NOT_INTEGER, now} end
redis.call('HSET', key, ARGV[4], number(sum))
-- As text: ioredis reads an integer reply of sixteen digits inexactly.
return {DONE, now, number(sum)}
