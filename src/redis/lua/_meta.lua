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
