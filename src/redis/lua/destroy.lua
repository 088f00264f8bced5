-- Ends a session for its holder. What is left of one that somebody else has ended stays, and is no session.
--
-- KEYS[1]  session
-- ARGV[1]  '+' and the user id that it must have, absent to end it however it is
-- ARGV[2]  field and text of each entry that it must have, and no other
--
-- Returns {1, now, when it was created, user id or ''} when it has ended now, {0, now} when there was none (any more), {5, now} when it is not so.

-- include _meta

local CHANGED = 5

local function isEntry(field)
  return field ~= '__proto__' and (field:sub(1, 1) ~= '@' or field:sub(2, 2) == '@')
end

local function isAsCopied(key, meta)
  if meta.user ~= ARGV[1]:sub(2) then return false end
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if isEntry(field) then count = count + 1 end
  end
  if count ~= (#ARGV - 1) / 2 then return false end
  for i = 2, #ARGV, 2 do
    if redis.call('HGET', key, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return true
end

local key, now = KEYS[1], clock()
local meta = read(key)
if not meta then return {GONE, now} end
local isOver = meta.ends and meta.ends <= now
if not isOver and ARGV[1] and not isAsCopied(key, meta) then return {CHANGED, now} end
redis.call('DEL', key)
if isOver then return {GONE, now} end
return {DONE, now, meta.created, meta.user}
