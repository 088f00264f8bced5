-- A session as connect-redis keeps it: one string. With the mark before it, it is sealed: it is being converted, and nobody writes to it any more.
local MARK = '@'

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function isSealed(value)
  return value:sub(1, 1) == MARK
end
