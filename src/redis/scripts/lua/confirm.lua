-- Makes a reserved entry a lasting one, now that the session is the user's. The session that it replaces keeps its name, since it is there still.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms
-- ARGV[3]  epoch ms of the latest moment at which it can be alive
-- ARGV[4]  handle of the user's session that it replaces, '' for none
-- ARGV[5]  when that one was indexed, epoch ms, 0 when not known
--
-- Returns {DONE, now, number of sessions without the replaced one} when confirmed (also by an earlier try), {GONE, now, reason} when one of the two is over,
-- {NO_ENTRY, now} when there is no entry: what was reserved has run out.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
sweep(key, now)
local fence = fenceOf(key)
if isEnded(fence, ARGV[1], ARGV[2]) or (ARGV[4] ~= '' and isEnded(fence, ARGV[4], ARGV[5])) then return {GONE, now, fence.reason} end
if not scoreOf(key, ARGV[1]) then return {NO_ENTRY, now} end
name(key, fence, ARGV[1], tonumber(ARGV[3]))
expire(key, fence, now)
return {DONE, now, countWithout(key, fence, {ARGV[4]})}
