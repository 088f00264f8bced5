-- Drops names of sessions that have gone.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle, and so on
--
-- Returns {1, now, how many of them were being ended}.

-- include _index

local key, now = KEYS[1], clock()
local ending = 0
for _, handle in ipairs(ARGV) do
  local score = redis.call('ZSCORE', key, handle)
  if score and stateOf(score) == ENDING then ending = ending + 1 end
  redis.call('ZREM', key, handle)
end
return {DONE, now, ending}
