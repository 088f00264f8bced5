-- Ends a session for somebody other than its holder, and leaves word of it for whoever has its secret.
--
-- KEYS[1]  session
-- ARGV[1]  user id whose session it must be
-- ARGV[2]  reason
-- ARGV[3]  for how many ms its holder can learn the reason
-- ARGV[4]  epoch ms before which it must have been created, '' for any time
-- ARGV[5]  epoch ms up to which it must have been indexed, by the clock of the index, '' for any time
-- ARGV[6]  1 when it may not be there yet: then word is left that lets nobody create it
--
-- Returns {DONE, now} when it has ended now, {GONE, now} when there is no such session (any more).

-- include _status
-- include _meta

local key, now, told = KEYS[1], clock(), tonumber(ARGV[3])
if ARGV[6] == '1' and redis.call('EXISTS', key) == 0 then
  leaveWord(key, '', ARGV[2], told)
  return {GONE, now}
end
local meta = read(key)
if not meta or meta.user ~= ARGV[1] then return {GONE, now} end
if ARGV[4] ~= '' and meta.created >= tonumber(ARGV[4]) then return {GONE, now} end
if ARGV[5] ~= '' and meta.indexed > tonumber(ARGV[5]) then return {GONE, now} end

local kept = math.max(told, stringEnds(key) - now)
-- First, since Redis that is out of memory lets a key go, and refuses nothing of a script that has written.
redis.call('DEL', key)
if meta.ends and meta.ends <= now then return {GONE, now} end
-- Whoever has a secret that was good no longer is told nothing.
forgetPast(meta, now)
local hashes = {meta.hash, unpack(meta.unconfirmed)}
for _, secret in ipairs(meta.previous) do table.insert(hashes, secret.hash) end
leaveWord(key, table.concat(hashes, ','), ARGV[2], kept)
return {DONE, now}
