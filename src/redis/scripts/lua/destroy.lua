-- Ends a session for its holder. What is left of one that has ended stays, and is no session.
--
-- KEYS[1]  session
-- ARGV[1]  for how many ms nobody can store it (again), also where there is none; 0 for not at all
-- ARGV[2]  1 to leave word of it for as long as it could have lived
-- ARGV[3]  when the loaded session was created, epoch ms; absent, with all that follows, to end it however it is
-- ARGV[4]  hash of the secret that the browser has presented
-- ARGV[5]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[6]  '+' and the user id that it must have
-- ARGV[7]  field and text of each entry that it must have, and no other
--
-- Returns {DONE, now, when it began, user id or ''} when it has ended now, {GONE, now} when there was none (any more), {CHANGED, now} when it is not so.

-- include _status
-- include _meta
-- include _end

local function isEntry(field)
  return field ~= '__proto__' and (field:sub(1, 1) ~= '@' or field:sub(2, 2) == '@')
end

local function isAsCopied(key, meta)
  if meta.user ~= ARGV[6]:sub(2) then return false end
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if isEntry(field) then count = count + 1 end
  end
  if count ~= (#ARGV - 6) / 2 then return false end
  for i = 7, #ARGV, 2 do
    if redis.call('HGET', key, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return true
end

local key, now, barred = KEYS[1], clock(), tonumber(ARGV[1])
local meta
if ARGV[3] then meta = readFor(key, ARGV[3], ARGV[4], ARGV[5], now) else meta = read(key) end
if meta and ARGV[3] and not isAsCopied(key, meta) then return {CHANGED, now} end
if not meta then
  -- Redis that is out of memory refuses nothing of a script that has written.
  if barred > 0 and redis.call('EXISTS', key) == 0 then
    redis.call('DEL', key)
    leaveWord(key, '', '', now + barred)
  elseif barred > 0 and redis.call('HEXISTS', key, GONE_FIELD) == 1 and redis.call('PTTL', key) < barred then
    redis.call('PEXPIRE', key, string.format('%.0f', barred))
  end
  return {GONE, now}
end
local began = beganAt(key, meta)
local told = ARGV[2] == '1' and math.max(0, redis.call('PTTL', key)) or 0
local hashes = (told > 0 or adoptedUntil(key) > now) and hashesOf(meta, now) or ''
finish(key, hashes, '', math.max(barred, told, stringEnds(key) - now), now)
if meta.ends and meta.ends <= now then return {GONE, now} end
return {DONE, now, began, meta.user}
