-- Marks sessions of a user as being ended, from the one that ends first, and takes away the places of sign-ins under way, whose session may be
-- there already: what is made out of one of these sessions from now on is refused.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the session to leave alone, '' for none
-- ARGV[2]  how many to pass over
-- ARGV[3]  how many to look at
--
-- Returns {1, now, how many were not marked before, how many were looked at, handle, and so on}.

-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local first = tonumber(ARGV[2])
local found = redis.call('ZRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')
local reply = {DONE, now, 0, #found / 2}
for i = 1, #found, 2 do
  local handle, state = found[i], stateOf(found[i + 1])
  if handle ~= ARGV[1] then
    reply[#reply + 1] = handle
    if state ~= ENDING then
      if state == RESERVED then redis.call('ZREM', key, handle)
      -- Less than it was, so that it stays before those with the same time that are not yet looked at.
      else add(key, handle, tonumber(found[i + 1]) - 1 + ENDING) end
      reply[3] = reply[3] + 1
    end
  end
end
return reply
