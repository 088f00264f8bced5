-- Names sessions of a user, the one that can live longest first.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the last one of the page before, '' for the first page
-- ARGV[2]  its score
-- ARGV[3]  how many
--
-- Returns {1, now, handle, score, and so on in pairs}.

-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local first = 0
if ARGV[1] ~= '' then
  local score, before = redis.call('ZSCORE', key, ARGV[1]), tonumber(ARGV[2])
  -- It may have gone or moved since. Where it would stand among others with the same score, only the set itself can tell.
  redis.call('ZADD', key, ARGV[2], ARGV[1])
  first = redis.call('ZREVRANK', key, ARGV[1])
  if not score then redis.call('ZREM', key, ARGV[1])
  else
    redis.call('ZADD', key, score, ARGV[1])
    if tonumber(score) >= before then first = first + 1 end
  end
end
local reply = {DONE, now}
for _, value in ipairs(redis.call('ZREVRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')) do reply[#reply + 1] = value end
return reply
