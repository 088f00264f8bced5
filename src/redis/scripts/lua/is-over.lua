-- Tells whether a session is over by the fence of its user. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms, 0 when not known
--
-- Returns {GONE, now, reason} when it is over, {DONE, now} when not.

-- include _status
-- include _index

local fence = fenceOf(KEYS[1])
if isEnded(fence, ARGV[1], ARGV[2]) then return {GONE, clock(), fence.reason} end
return {DONE, clock()}
