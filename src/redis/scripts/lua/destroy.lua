-- Ends a session for its holder. What is left of one that somebody else has ended stays, and is no session.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms; absent, with all that follows, to end it however it is
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  '+' and the user id that it must have
-- ARGV[5]  field and text of each entry that it must have, and no other
--
-- Returns {DONE, now, when it was created, user id or ''} when it has ended now, {GONE, now} when there was none (any more), {CHANGED, now} when it is not so.

-- include _status
-- include _meta

local function isEntry(field)
  return field ~= '__proto__' and (field:sub(1, 1) ~= '@' or field:sub(2, 2) == '@')
end

local function isAsCopied(key, meta)
  if meta.user ~= ARGV[4]:sub(2) then return false end
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if isEntry(field) then count = count + 1 end
  end
  if count ~= (#ARGV - 4) / 2 then return false end
  for i = 5, #ARGV, 2 do
    if redis.call('HGET', key, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return true
end

local key, now = KEYS[1], clock()
local meta
if ARGV[1] then meta = readFor(key, ARGV[1], ARGV[2], ARGV[3], now) else meta = read(key) end
if not meta then return {GONE, now} end
if ARGV[1] and not isAsCopied(key, meta) then return {CHANGED, now} end
redis.call('DEL', key)
if meta.ends and meta.ends <= now then return {GONE, now} end
return {DONE, now, meta.created, meta.user}
