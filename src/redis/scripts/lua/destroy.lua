-- Ends a session for its holder. What is left of one that somebody else has ended stays, and is no session.
--
-- KEYS[1]  session
-- ARGV[1]  for how many ms nobody can store it (again), also where there is none; 0 for not at all
-- ARGV[2]  when the loaded session was created, epoch ms; absent, with all that follows, to end it however it is
-- ARGV[3]  hash of the secret that the browser has presented
-- ARGV[4]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[5]  '+' and the user id that it must have
-- ARGV[6]  field and text of each entry that it must have, and no other
--
-- Returns {DONE, now, when it was created, user id or ''} when it has ended now, {GONE, now} when there was none (any more), {CHANGED, now} when it is not so.

-- include _status
-- include _meta

local function isEntry(field)
  return field ~= '__proto__' and (field:sub(1, 1) ~= '@' or field:sub(2, 2) == '@')
end

local function isAsCopied(key, meta)
  if meta.user ~= ARGV[5]:sub(2) then return false end
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if isEntry(field) then count = count + 1 end
  end
  if count ~= (#ARGV - 5) / 2 then return false end
  for i = 6, #ARGV, 2 do
    if redis.call('HGET', key, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return true
end

local key, now, barred = KEYS[1], clock(), tonumber(ARGV[1])
local meta
if ARGV[2] then meta = readFor(key, ARGV[2], ARGV[3], ARGV[4], now) else meta = read(key) end
if meta and ARGV[2] and not isAsCopied(key, meta) then return {CHANGED, now} end
local kept = math.max(barred, meta and stringEnds(key) - now or 0)
-- First, also where there is none: Redis that is out of memory refuses nothing of a script that has written.
if meta or (barred > 0 and redis.call('EXISTS', key) == 0) then
  redis.call('DEL', key)
  if kept > 0 then leaveWord(key, '', '', kept) end
elseif barred > 0 and redis.call('HEXISTS', key, GONE_FIELD) == 1 and redis.call('PTTL', key) < barred then
  redis.call('PEXPIRE', key, string.format('%.0f', barred))
end
if not meta or (meta.ends and meta.ends <= now) then return {GONE, now} end
return {DONE, now, meta.created, meta.user}
