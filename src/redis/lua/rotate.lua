-- Gives a session a new secret and keeps the presented one good until the new one is presented, unless the session has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  hash of the presented secret
-- ARGV[5]  hash of the new secret
-- ARGV[6]  time of the rotation that the request has seen, epoch ms, 0 for none
-- ARGV[7]  1 when the user has just proved again who they are: the presented secret is then good no longer; else 0
--
-- Returns {1, now, when} when rotated (also by an earlier try), {2, now, hash of the current secret} when nothing was done since an
-- earlier rotation is not yet confirmed and younger than the grace or has replaced the presented secret, {0, now} when the session has ended.

-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end
if meta.hash == ARGV[5] then return {DONE, now, meta.rotated} end

local grace = tonumber(ARGV[3])
confirm(meta, ARGV[2], grace, now)
if ARGV[7] == '1' then
  if ARGV[4] ~= meta.hash and ARGV[4] ~= meta.prev then return {2, now, meta.hash} end
  meta.auth = base36(now)
  forgetPrevious(meta)
  meta.hash, meta.rotated = ARGV[5], now
  write(key, meta)
  return {DONE, now, meta.rotated}
end

local unconfirmed = isUnconfirmed(meta)
local known = ARGV[4] == meta.hash or (unconfirmed and ARGV[4] == meta.prev)
-- A request that began before the unconfirmed rotation does not tell that its answer was lost.
local unseen = unconfirmed and ARGV[4] == meta.prev and meta.rotated ~= tonumber(ARGV[6])
if not known or unseen or (unconfirmed and now < meta.rotated + grace) then return {2, now, meta.hash} end

-- An unconfirmed secret never reached its holder, who has the one before it: that one stays.
if not unconfirmed then meta.prev = meta.hash end
meta.hash, meta.prevEnds, meta.rotated = ARGV[5], nil, now
write(key, meta)
return {DONE, now, meta.rotated}
