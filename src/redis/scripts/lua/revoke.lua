-- Ends a session for somebody other than its holder, and leaves word of it for whoever has its secret.
--
-- KEYS[1]  session
-- ARGV[1]  user id whose session it must be
-- ARGV[2]  reason
-- ARGV[3]  for how many ms its holder can learn the reason
-- ARGV[4]  epoch ms before which it must have begun, '' for any time
-- ARGV[5]  epoch ms up to which it must have been indexed, by the clock of the index, '' for any time
-- ARGV[6]  1 when it may not be there yet: then word is left that lets nobody create it
-- ARGV[7]  1 to leave word of it for as long as it could have lived, where that is longer
--
-- Returns {DONE, now} when it has ended now, {GONE, now} when there is no such session (any more).

-- include _status
-- include _meta
-- include _end

local key, now, ms = KEYS[1], clock(), tonumber(ARGV[3])
if ARGV[6] == '1' and redis.call('EXISTS', key) == 0 then
  leaveWord(key, '', ARGV[2], now + ms)
  return {GONE, now}
end
local meta = read(key)
if not meta or meta.user ~= ARGV[1] then return {GONE, now} end
if ARGV[4] ~= '' and beganAt(key, meta) >= tonumber(ARGV[4]) then return {GONE, now} end
if ARGV[5] ~= '' and meta.indexed > tonumber(ARGV[5]) then return {GONE, now} end

local isOver = meta.ends and meta.ends <= now
local kept = math.max(ms, stringEnds(key) - now, ARGV[7] == '1' and redis.call('PTTL', key) or 0)
finish(key, hashesOf(meta, now), ARGV[2], isOver and 0 or kept, now)
return {isOver and GONE or DONE, now}
