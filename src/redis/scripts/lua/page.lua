-- Names sessions of a user, the one that can live longest first. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the last one of the page before, '' for the first page
-- ARGV[2]  its score
-- ARGV[3]  how many
--
-- Returns {DONE, now, the last score of those that are over or '', up to when those were indexed, reason, handle, score, and so on in pairs}.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
local fence = fenceOf(key)
local first = 0
if ARGV[1] ~= '' then first = redis.call('ZCARD', key) - rankOf(key, ARGV[1], ARGV[2]) end
local reply = {DONE, now, fence and text(fence.most) or '', fence and text(fence.ended) or '', fence and fence.reason or ''}
local found = redis.call('ZREVRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) <= now then break end
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
end
return reply
