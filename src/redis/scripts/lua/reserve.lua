-- Reserves the entry of a session that is about to become a user's. One that is the user's already keeps the entry that it has.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  for how many ms
-- ARGV[3]  how many sessions the user may have, 0 for any number
-- ARGV[4]  handle of the user's session that it replaces, '' for none
-- ARGV[5]  when that one was indexed, epoch ms, 0 when not known
-- ARGV[6]  when the user signed in by the credential that the session is made from, epoch ms: it is indexed as of then; '' for one that begins now
-- ARGV[7]  handle of a session that does not count, and so on
--
-- Returns {DONE, now, when it is indexed} when reserved, {FULL, now} when there are too many already, {GONE, now, reason} when the session that it
-- replaces, or the credential, is over.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local fence = fenceOf(key)
if ARGV[4] ~= '' and isEnded(fence, ARGV[4], ARGV[5]) then return {GONE, now, fence.reason} end
if ARGV[6] ~= '' and isEnded(fence, ARGV[1], ARGV[6]) then return {GONE, now, fence.reason} end

local most = tonumber(ARGV[3])
local uncounted = {ARGV[1], ARGV[4]}
for i = 7, #ARGV do uncounted[#uncounted + 1] = ARGV[i] end
if most > 0 and countWithout(key, fence, uncounted) >= most then return {FULL, now} end

local score = scoreOf(key, ARGV[1])
if not score or score % 1 == RESERVED or isBehind(fence, score) then
  name(key, fence, ARGV[1], now + tonumber(ARGV[2]) + RESERVED)
  expire(key, fence, now)
end
if ARGV[6] ~= '' then return {DONE, now, tonumber(ARGV[6])} end
-- The clock may have been set back since.
return {DONE, now, fence and math.max(now, fence.ended + 1) or now}
