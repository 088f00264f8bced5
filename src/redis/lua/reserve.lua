-- Reserves the place of a session that is about to become a user's. One that is the user's already keeps the place that it has.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  for how many ms
-- ARGV[3]  handle of the user's session that it replaces, '' for none
-- ARGV[4]  how many sessions the user may have, 0 for any number
--
-- Returns {1, now} when reserved, {6, now} when there are too many already, {0, now} when the session, or the one that
-- it replaces, is being ended.

-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local replaced = ARGV[3] ~= '' and redis.call('ZSCORE', key, ARGV[3])
local named = redis.call('ZSCORE', key, ARGV[1])
if stateOf(replaced) == ENDING or stateOf(named) == ENDING then return {GONE, now} end

local most = tonumber(ARGV[4])
if most > 0 then
  local others = redis.call('ZCARD', key)
  if replaced then others = others - 1 end
  if named then others = others - 1 end
  if others >= most then return {6, now} end
end
if not named or stateOf(named) == RESERVED then
  add(key, ARGV[1], now + tonumber(ARGV[2]) + RESERVED)
  expire(key)
end
return {DONE, now}
