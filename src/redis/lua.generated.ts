// Written by scripts/embed-lua.mjs from src/redis/lua/*.lua. Do not edit.
export const LUA = {
  create: `-- Stores a new session, unless its handle is taken.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  absolute timeout in ms, 0 for none
-- ARGV[4]  absolute end in epoch ms to keep, 0 to take ARGV[3] from now
-- ARGV[5]  cookie attributes as JSON, '' for none
-- ARGV[6]  field and value of the first entry, and so on in pairs
--
-- Returns {1, now, absolute end} when stored, {2, now, 0} when this secret's session was stored by an earlier try,
-- {3, now, 0} when the handle belongs to another session.

-- The packed metadata field, as src/session/session-fields.ts reads it:
-- 1|created|last seen|absolute end or 0|idle timeout|secret hash|previous secret hash|its end or 0|time of the rotation or 0
local META, COOKIE = '@meta', '@cookie'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, hash, prev, prevEnds, rotated =
    packed:match('^1|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(%d+)|(%d+)$')
  if not created then return nil end
  return {
    created = created, seen = tonumber(seen), ends = tonumber(ends), idle = tonumber(idle),
    hash = hash, prev = prev, prevEnds = tonumber(prevEnds), rotated = tonumber(rotated),
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= created then return nil end
  if meta.ends > 0 and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  redis.call('HSET', key, META, table.concat({
    '1', meta.created, number(meta.seen), number(meta.ends), number(meta.idle),
    meta.hash, meta.prev, number(meta.prevEnds), number(meta.rotated),
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends > 0 then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, number(at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if meta.prevEnds == 0 and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds > 0 and meta.prevEnds <= now then meta.prev, meta.prevEnds, meta.rotated = '', 0, 0 end
end

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  local meta = read(key)
  if meta and meta.hash == ARGV[1] then return {2, now, 0} end
  return {3, now, 0}
end

local ends = tonumber(ARGV[4])
if ends == 0 and ARGV[3] ~= '0' then ends = now + tonumber(ARGV[3]) end
local meta = { created = number(now), seen = now, ends = ends, idle = tonumber(ARGV[2]), hash = ARGV[1], prev = '', prevEnds = 0, rotated = 0 }
write(key, meta)
if ARGV[5] ~= '' then writeCookie(key, ARGV[5]) end
for i = 6, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
expire(key, meta)
return {DONE, now, ends}
`,

  increment: `-- Adds to an integer entry of a session, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  field of the entry
-- ARGV[3]  what to add, an integer
--
-- Returns {1, now, sum} when added, {4, now} when the entry is not an integer or the sum would not be a safe one in JavaScript,
-- {0, now} when the session has ended.

-- The packed metadata field, as src/session/session-fields.ts reads it:
-- 1|created|last seen|absolute end or 0|idle timeout|secret hash|previous secret hash|its end or 0|time of the rotation or 0
local META, COOKIE = '@meta', '@cookie'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, hash, prev, prevEnds, rotated =
    packed:match('^1|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(%d+)|(%d+)$')
  if not created then return nil end
  return {
    created = created, seen = tonumber(seen), ends = tonumber(ends), idle = tonumber(idle),
    hash = hash, prev = prev, prevEnds = tonumber(prevEnds), rotated = tonumber(rotated),
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= created then return nil end
  if meta.ends > 0 and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  redis.call('HSET', key, META, table.concat({
    '1', meta.created, number(meta.seen), number(meta.ends), number(meta.idle),
    meta.hash, meta.prev, number(meta.prevEnds), number(meta.rotated),
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends > 0 then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, number(at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if meta.prevEnds == 0 and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds > 0 and meta.prevEnds <= now then meta.prev, meta.prevEnds, meta.rotated = '', 0, 0 end
end

local key, now = KEYS[1], clock()
if not readLive(key, ARGV[1], now) then return {GONE, now} end

local SAFE = 9007199254740991
local text = redis.call('HGET', key, ARGV[2]) or '0'
local function isSafe(value) return value <= SAFE and value >= -SAFE end
local value = #text <= 17 and text:match('^-?%d+$') and tonumber(text)
local sum = value and value + tonumber(ARGV[3])
if not sum or not isSafe(value) or not isSafe(sum) then return {4, now} end
redis.call('HSET', key, ARGV[2], number(sum))
-- As text: ioredis reads an integer reply of sixteen digits inexactly.
return {DONE, now, number(sum)}
`,

  rotate: `-- Gives a session a new secret and keeps the presented one good until the new one is presented, unless the session has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  hash of the presented secret
-- ARGV[5]  hash of the new secret
--
-- Returns {1, now} when rotated (also by an earlier try), {2, now} when nothing was done since an earlier rotation is not yet confirmed
-- and younger than the grace or has replaced the presented secret, {0, now} when the session has ended.

-- The packed metadata field, as src/session/session-fields.ts reads it:
-- 1|created|last seen|absolute end or 0|idle timeout|secret hash|previous secret hash|its end or 0|time of the rotation or 0
local META, COOKIE = '@meta', '@cookie'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, hash, prev, prevEnds, rotated =
    packed:match('^1|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(%d+)|(%d+)$')
  if not created then return nil end
  return {
    created = created, seen = tonumber(seen), ends = tonumber(ends), idle = tonumber(idle),
    hash = hash, prev = prev, prevEnds = tonumber(prevEnds), rotated = tonumber(rotated),
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= created then return nil end
  if meta.ends > 0 and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  redis.call('HSET', key, META, table.concat({
    '1', meta.created, number(meta.seen), number(meta.ends), number(meta.idle),
    meta.hash, meta.prev, number(meta.prevEnds), number(meta.rotated),
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends > 0 then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, number(at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if meta.prevEnds == 0 and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds > 0 and meta.prevEnds <= now then meta.prev, meta.prevEnds, meta.rotated = '', 0, 0 end
end

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end
if meta.hash == ARGV[5] then return {DONE, now} end

local grace = tonumber(ARGV[3])
confirm(meta, ARGV[2], grace, now)
local unconfirmed = meta.prev ~= '' and meta.prevEnds == 0
local known = ARGV[4] == meta.hash or (unconfirmed and ARGV[4] == meta.prev)
if not known or (unconfirmed and now < meta.rotated + grace) then return {2, now} end

-- An unconfirmed secret never reached its holder, who has the one before it: that one stays.
if not unconfirmed then meta.prev = meta.hash end
meta.hash, meta.prevEnds, meta.rotated = ARGV[5], 0, now
write(key, meta)
return {DONE, now}
`,

  save: `-- Writes the changed entries of a session and starts its idle timeout anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  idle timeout in ms
-- ARGV[5]  cookie attributes as JSON, '' for none
-- ARGV[6]  number of removed fields
-- ARGV[7]  the removed fields, then field and value of each changed entry
--
-- Returns {1, now} when written, {0, now} when the session has ended.

-- The packed metadata field, as src/session/session-fields.ts reads it:
-- 1|created|last seen|absolute end or 0|idle timeout|secret hash|previous secret hash|its end or 0|time of the rotation or 0
local META, COOKIE = '@meta', '@cookie'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, hash, prev, prevEnds, rotated =
    packed:match('^1|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(%d+)|(%d+)$')
  if not created then return nil end
  return {
    created = created, seen = tonumber(seen), ends = tonumber(ends), idle = tonumber(idle),
    hash = hash, prev = prev, prevEnds = tonumber(prevEnds), rotated = tonumber(rotated),
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= created then return nil end
  if meta.ends > 0 and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  redis.call('HSET', key, META, table.concat({
    '1', meta.created, number(meta.seen), number(meta.ends), number(meta.idle),
    meta.hash, meta.prev, number(meta.prevEnds), number(meta.rotated),
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends > 0 then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, number(at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if meta.prevEnds == 0 and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds > 0 and meta.prevEnds <= now then meta.prev, meta.prevEnds, meta.rotated = '', 0, 0 end
end

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end

meta.seen, meta.idle = now, tonumber(ARGV[4])
confirm(meta, ARGV[2], tonumber(ARGV[3]), now)
-- First what Redis refuses when it is out of memory, so that a refused save has written nothing.
write(key, meta)
local removed = tonumber(ARGV[6])
for i = 7 + removed, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
for i = 7, 6 + removed do redis.call('HDEL', key, ARGV[i]) end
writeCookie(key, ARGV[5])
expire(key, meta)
return {DONE, now}
`,

  touch: `-- Starts the idle timeout of a session anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the current secret when this request is the first to present it, else ''
-- ARGV[3]  rotation grace in ms
-- ARGV[4]  idle timeout in ms
-- ARGV[5]  cookie attributes as JSON, '' for none
--
-- Returns {1, now} when touched, {0, now} when the session has ended.

-- The packed metadata field, as src/session/session-fields.ts reads it:
-- 1|created|last seen|absolute end or 0|idle timeout|secret hash|previous secret hash|its end or 0|time of the rotation or 0
local META, COOKIE = '@meta', '@cookie'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, hash, prev, prevEnds, rotated =
    packed:match('^1|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|(%d+)|(%d+)$')
  if not created then return nil end
  return {
    created = created, seen = tonumber(seen), ends = tonumber(ends), idle = tonumber(idle),
    hash = hash, prev = prev, prevEnds = tonumber(prevEnds), rotated = tonumber(rotated),
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= created then return nil end
  if meta.ends > 0 and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  redis.call('HSET', key, META, table.concat({
    '1', meta.created, number(meta.seen), number(meta.ends), number(meta.idle),
    meta.hash, meta.prev, number(meta.prevEnds), number(meta.rotated),
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends > 0 then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, number(at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if meta.prevEnds == 0 and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds > 0 and meta.prevEnds <= now then meta.prev, meta.prevEnds, meta.rotated = '', 0, 0 end
end

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end

meta.seen, meta.idle = now, tonumber(ARGV[4])
confirm(meta, ARGV[2], tonumber(ARGV[3]), now)
-- First what Redis does even when it is out of memory; from then on it refuses nothing of this script. A session in use must not end
-- because its metadata cannot be written.
redis.call('PEXPIRE', key, ARGV[4])
write(key, meta)
writeCookie(key, ARGV[5])
expire(key, meta)
return {DONE, now}
`,
} as const;
