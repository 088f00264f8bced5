-- The sessions of one user: a sorted set of handles, each with the latest moment, in epoch ms, at which it can be alive, and half a ms more
-- while a sign-in under way has only reserved it. What revokeAll has ended is told by one more member, the fence, '!most|except|reason' with the
-- score -ended: every session that was indexed up to `ended` is over, but for `except`. All that were named then have a score of `most` or less, and
-- whatever is named since has a greater one.
local RESERVED = 0.5

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function sweep(key, now)
  redis.call('ZREMRANGEBYSCORE', key, 0, string.format('%.0f', now))
end

local function fenceOf(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] or tonumber(first[2]) >= 0 then return nil end
  local most, except, reason = first[1]:match('^!([%d.]+)|([^|]*)|(.*)$')
  return most and { member = first[1], ended = -tonumber(first[2]), most = tonumber(most), except = except, reason = reason }
end

-- Whether a session that was indexed then is over. '0' for one whose time is not known.
local function isEnded(fence, handle, indexed)
  return fence and tonumber(indexed) <= fence.ended and handle ~= fence.except
end

local function isBehind(fence, score)
  return fence and score <= fence.most
end

local function scoreOf(key, handle)
  local score = redis.call('ZSCORE', key, handle)
  return score and tonumber(score)
end

local function text(score)
  return string.format('%.2f', score)
end

-- Names a session, beyond the fence.
local function name(key, fence, handle, score)
  if isBehind(fence, score) then score = math.floor(fence.most) + 1 + score % 1 end
  redis.call('ZADD', key, text(score), handle)
end

-- How many sessions are named beyond the fence, without those.
local function countWithout(key, fence, handles)
  local count = fence and redis.call('ZCOUNT', key, '(' .. text(fence.most), '+inf') or redis.call('ZCARD', key)
  local seen = {}
  for _, handle in ipairs(handles) do
    local score = not seen[handle] and scoreOf(key, handle)
    if score and not isBehind(fence, score) then count = count - 1 end
    seen[handle] = true
  end
  return count
end

-- The key lives as long as the session that can live longest, and never shorter than its fence was to be kept.
local function expire(key, fence, now)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if not last[2] then return end
  local at = math.ceil(tonumber(last[2]))
  if fence then at = math.max(at, now + redis.call('PTTL', key)) end
  redis.call('PEXPIREAT', key, string.format('%.0f', at))
end

-- As Redis orders them, whatever the locale of the server.
local function isLess(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many members stand before that place, which need not be taken (any more).
local function rankOf(key, handle, score)
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', key, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isLess(redis.call('ZRANGE', key, middle, middle)[1], handle) then low = middle + 1 else high = middle end
  end
  return low
end
