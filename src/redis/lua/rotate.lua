-- Gives a session a new secret and keeps the presented one good until the new one is presented, unless the session has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the presented secret
-- ARGV[3]  hash of the new secret
-- ARGV[4]  rotation grace in ms
--
-- Returns {1, now} when rotated (also by an earlier try), {2, now} when nothing was done since an earlier rotation is not yet confirmed
-- and younger than the grace or the presented secret was replaced by it, {0, now} when the session has ended.

-- include _meta

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end
if meta.hash == ARGV[3] then return {DONE, now} end

confirm(meta, ARGV[2], tonumber(ARGV[4]), now)
local unconfirmed = meta.prev ~= '' and meta.prevEnds == 0
if unconfirmed and now < meta.rotated + tonumber(ARGV[4]) then return {2, now} end
if not unconfirmed and ARGV[2] ~= meta.hash then return {2, now} end

-- An unconfirmed secret never reached its holder, who has the one before it: that one stays.
if not unconfirmed then meta.prev = meta.hash end
meta.hash, meta.prevEnds, meta.rotated = ARGV[3], 0, now
write(key, meta)
return {DONE, now}
