-- The packed metadata field, as src/session/session-fields.ts reads it, times in base 36, most of them as ms since the first:
-- 1|created|last seen|absolute end|idle timeout|sign-in unless then|secret hash|previous secret hash|its end|rotation|user
local META, COOKIE, DEVICE, GONE_FIELD = '@meta', '@cookie', '@device', '@gone'
local GONE, DONE = 0, 1

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function base36(value)
  local text, rest = '', value
  repeat
    local digit = rest % 36
    text = string.char(digit < 10 and 48 + digit or 87 + digit) .. text
    rest = (rest - digit) / 36
  until rest == 0
  return text
end

-- A time since another; '' for none. Never negative, though the clock may have been set back.
local function since(start, time)
  return time and base36(math.max(0, time - start)) or ''
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, auth, hash, prev, prevEnds, rotated, user =
    packed:match('^1|([%d%l]+)|([%d%l]+)|([%d%l]*)|([%d%l]+)|([%d%l]*)|([^|]*)|([^|]*)|([%d%l]*)|([%d%l]*)|(.*)$')
  if not created then return nil end
  local start = tonumber(created, 36)
  local function at(text) return text ~= '' and start + tonumber(text, 36) or nil end
  return {
    created = start, seen = at(seen), ends = at(ends), idle = tonumber(idle, 36), auth = auth,
    hash = hash, prev = prev, prevEnds = at(prevEnds), rotated = at(rotated), user = user,
  }
end

-- The session that a request loaded: there, not past its absolute end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= tonumber(created) then return nil end
  if meta.ends and meta.ends <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function write(key, meta)
  local start = meta.created
  redis.call('HSET', key, META, table.concat({
    '1', base36(start), since(start, meta.seen), since(start, meta.ends), base36(meta.idle), meta.auth,
    meta.hash, meta.prev, since(start, meta.prevEnds), since(start, meta.rotated), meta.user,
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  local at = meta.seen + meta.idle
  if meta.ends then at = math.min(at, meta.ends) end
  redis.call('PEXPIREAT', key, string.format('%.0f', at))
end

local function writeCookie(key, cookie)
  if cookie == '' then redis.call('HDEL', key, COOKIE) else redis.call('HSET', key, COOKIE, cookie) end
end

-- What a request has not changed about the cookie, another may have since it was loaded. That stays, and the idle timeout that goes with it.
local function isCookieOfAnother(key, cookie, loaded)
  return cookie == loaded and (redis.call('HGET', key, COOKIE) or '') ~= loaded
end

local function writeDevice(key, device)
  if device ~= '' then redis.call('HSET', key, DEVICE, device) end
end

local function forgetPrevious(meta)
  meta.prev, meta.prevEnds = '', nil
end

local function isUnconfirmed(meta)
  return meta.prev ~= '' and not meta.prevEnds
end

-- The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten.
local function confirm(meta, firstPresented, grace, now)
  if meta.prev == '' then return end
  if not meta.prevEnds and firstPresented == meta.hash then meta.prevEnds = now + grace end
  if meta.prevEnds and meta.prevEnds <= now then forgetPrevious(meta) end
end

-- A change of who or what somebody is leaves no grace. One who has not presented the new secret yet may not have it.
local function endGrace(meta)
  if meta.prevEnds then forgetPrevious(meta) end
end
