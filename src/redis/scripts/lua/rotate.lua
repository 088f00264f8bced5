-- Gives a session a new secret beside the one that its browser has, which stays good until a newer one is presented, unless the session has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  rotation grace in ms
-- ARGV[5]  hash of the secret that the request has by now
-- ARGV[6]  hash of the new secret
-- ARGV[7]  for how many ms the session has been loaded
-- ARGV[8]  1 when the user has just proved again who they are: the new secret is then the only good one; else 0
-- ARGV[9]  how many secrets are remembered besides the current one
--
-- Returns {DONE, now, when} when rotated (also by an earlier try), {UNCHANGED, now, hash of the newest secret} when nothing was done since an earlier
-- rotation may still be on its way, has replaced the presented secret, or too many are, {GONE, now} when the session, or with ARGV[8] the presented
-- secret, has ended.

-- include _status
-- include _meta

local key, now = KEYS[1], clock()
local presented, grace, own, next = ARGV[2], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local reauthenticated = ARGV[8] == '1'

local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end
if meta.hash == next or has(meta.unconfirmed, next) then return {DONE, now, meta.rotated} end
meta = readFor(key, ARGV[1], presented, ARGV[3], now)
if not meta then return {GONE, now} end

confirm(meta, presented, grace, now)
local isCurrent = presented == meta.hash or own == meta.hash
if reauthenticated then
  if not isCurrent then return {GONE, now} end
  meta.auth, meta.hash, meta.unconfirmed, meta.previous = base36(now), next, {}, {}
else
  -- One loaded two graces after the last rotation was sent after the answer of that arrived or was lost.
  local isTooSoon = #meta.unconfirmed > 0 and now - tonumber(ARGV[7]) < (meta.rotated or 0) + 2 * grace
  if not isCurrent or isTooSoon or #meta.unconfirmed + #meta.previous >= tonumber(ARGV[9]) then return {UNCHANGED, now, newest(meta)} end
  table.insert(meta.unconfirmed, next)
end
meta.rotated = now
write(key, meta)
return {DONE, now, meta.rotated}
