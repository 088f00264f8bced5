-- Names sessions of a user, the one whose end is nearest first: those that a fence has ended, or those that none has. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the last one of the page before, '' for the first page
-- ARGV[2]  its score
-- ARGV[3]  how many
-- ARGV[4]  the last score of those that are over, '' to name those that are not
--
-- Returns {DONE, now, handle, score, and so on in pairs}.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
local fence = fenceOf(key)
local least, most = now, ARGV[4] ~= '' and tonumber(ARGV[4]) or math.huge
if ARGV[4] == '' and fence then least = math.max(now, fence.most) end
local first = redis.call('ZCOUNT', key, '-inf', text(least))
if ARGV[1] ~= '' then
  local rank = rankOf(key, ARGV[1], ARGV[2])
  if redis.call('ZRANGE', key, rank, rank)[1] == ARGV[1] then rank = rank + 1 end
  first = math.max(first, rank)
end
local reply = {DONE, now}
local found = redis.call('ZRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) > most then break end
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
end
return reply
