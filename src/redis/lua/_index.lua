-- The sessions of one user: a sorted set of handles, each with the latest moment, in epoch ms, at which it can be alive. What is more is
-- in the fraction: .5 for a place that a sign-in under way has reserved, .75 for a session that is being ended (so a ms less a quarter).
local GONE, DONE = 0, 1
local RESERVED, ENDING = 0.5, 0.75

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function stateOf(score)
  return score and tonumber(score) % 1
end

local function sweep(key, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
end

local function add(key, handle, score)
  redis.call('ZADD', key, string.format('%.2f', score), handle)
end

-- The key lives as long as the one that can live longest.
local function expire(key)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if last[2] then redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(tonumber(last[2])))) end
end
