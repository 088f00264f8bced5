-- Says again that a session in use is the user's, and until when it can be alive.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms, 0 when not known
-- ARGV[3]  epoch ms of the latest moment at which it can be alive
--
-- Returns {DONE, now} when said, {GONE, now, reason} when the session is over.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
-- First, also since Redis that is out of memory refuses nothing of a script that has written: a session in use must not lose its name.
sweep(key, now)
local fence = fenceOf(key)
if isEnded(fence, ARGV[1], ARGV[2]) then return {GONE, now, fence.reason} end
name(key, fence, ARGV[1], tonumber(ARGV[3]))
expire(key, fence, now)
return {DONE, now}
