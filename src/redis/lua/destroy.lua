-- Ends a session for its holder. What is left of one that somebody else has ended stays, and is no session.
--
-- KEYS[1]  session
--
-- Returns {1, now, when it was created, user id or ''} when it has ended now, {0, now} when there was none (any more).

-- include _meta

local key, now = KEYS[1], clock()
local meta = read(key)
if not meta then return {GONE, now} end
redis.call('DEL', key)
if meta.ends and meta.ends <= now then return {GONE, now} end
return {DONE, now, meta.created, meta.user}
