-- Ends the sessions of a user that are indexed now, but for one. Whoever meets one of them from now on finds it over.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the session to leave alone, '' for none
-- ARGV[2]  when that one was indexed, epoch ms, 0 when not known
-- ARGV[3]  for how many ms it must be known at least
-- ARGV[4]  reason
--
-- Returns {DONE, now, up to when indexed, the last score of those that are over}, {GONE, now} when the session to leave alone is over itself.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
-- First, also since Redis that is out of memory refuses nothing of a script that has written.
sweep(key, now)
local before = fenceOf(key)
if ARGV[1] ~= '' and isEnded(before, ARGV[1], ARGV[2]) then return {GONE, now} end

-- Later than whatever was indexed since the fence before, also where the clock was set back.
local ended = before and math.max(now, before.ended + 1) or now
local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
local most = math.max(tonumber(last[2] or 0), before and before.most or 0, 0)
local fence = { member = '!' .. text(most) .. '|' .. ARGV[1] .. '|' .. ARGV[4], ended = ended, most = most, except = ARGV[1] }
redis.call('ZADD', key, text(-ended), fence.member)
if before and before.member ~= fence.member then redis.call('ZREM', key, before.member) end
if ARGV[1] ~= '' and scoreOf(key, ARGV[1]) then name(key, fence, ARGV[1], 0) end
redis.call('PEXPIREAT', key, string.format('%.0f', math.max(math.floor(most) + 1, now + tonumber(ARGV[3]), now + redis.call('PTTL', key))))
return {DONE, now, ended, text(most)}
