-- The packed metadata field, as src/session/store/session-fields.ts reads it, times in base 36, most of them as ms since the first:
-- 1|created|last seen|absolute end|idle timeout|sign-in unless then|indexed|secret hash|newer ones|previous ones and their ends|rotation|user
local META, COOKIE, DEVICE, FROM, WAS, ADOPTED, GONE_FIELD = '@meta', '@cookie', '@device', '@from', '@was', '@adopted', '@gone'

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

-- When a session was indexed, by the clock of the node that holds the index: mostly before the session was created. '' for none.
local function offset(start, time)
  if time == 0 then return '' end
  return time < start and '-' .. base36(start - time) or base36(time - start)
end

local function read(key)
  local packed = redis.call('HGET', key, META)
  if not packed then return nil end
  local created, seen, ends, idle, auth, sign, indexed, hash, unconfirmed, previous, rotated, user =
    packed:match('^1|([%d%l]+)|([%d%l]+)|([%d%l]*)|([%d%l]+)|([%d%l]*)|(%-?)([%d%l]*)|([^|]*)|([^|]*)|([^|]*)|([%d%l]*)|(.*)$')
  if not created then return nil end
  local start = tonumber(created, 36)
  local function at(text) return text ~= '' and start + tonumber(text, 36) or nil end
  local away = indexed ~= '' and tonumber(indexed, 36) or -start
  local meta = {
    created = start, seen = at(seen), ends = at(ends), idle = tonumber(idle, 36), auth = auth,
    indexed = sign == '-' and start - away or start + away,
    hash = hash, unconfirmed = {}, previous = {}, rotated = at(rotated), user = user,
  }
  for other in unconfirmed:gmatch('[^,]+') do table.insert(meta.unconfirmed, other) end
  for other, over in previous:gmatch('([^,:]+):([%d%l]+)') do table.insert(meta.previous, {hash = other, ends = at(over)}) end
  return meta
end

local function endOf(meta)
  local at = meta.seen + meta.idle
  return meta.ends and math.min(at, meta.ends) or at
end

-- The session that a request loaded: there, not past its end, and not a later one under the same handle.
local function readLive(key, created, now)
  local meta = read(key)
  if not meta or meta.created ~= tonumber(created) then return nil end
  -- Redis has deleted it by then, unless somebody has taken the end off the key.
  if endOf(meta) <= now then
    redis.call('DEL', key)
    return nil
  end
  return meta
end

local function has(list, hash)
  for _, other in ipairs(list) do
    if other == hash then return true end
  end
  return false
end

local function isPrevious(meta, hash)
  for _, secret in ipairs(meta.previous) do
    if secret.hash == hash then return true end
  end
  return false
end

-- When the user last proved who they are; 0 for nobody.
local function authenticated(meta)
  if meta.user == '' then return 0 end
  return meta.auth == '' and meta.created or tonumber(meta.auth, 36)
end

-- The same for a request that came with that secret, unless its user has proved again who they are since, and that has ended the secret.
local function readFor(key, created, presented, auth, now)
  local meta = readLive(key, created, now)
  if not meta or authenticated(meta) == tonumber(auth) then return meta end
  local isKnown = presented == meta.hash or has(meta.unconfirmed, presented) or isPrevious(meta, presented)
  return isKnown and meta or nil
end

local function write(key, meta)
  local start, previous = meta.created, {}
  for _, secret in ipairs(meta.previous) do table.insert(previous, secret.hash .. ':' .. since(start, secret.ends)) end
  redis.call('HSET', key, META, table.concat({
    '1', base36(start), since(start, meta.seen), since(start, meta.ends), base36(meta.idle), meta.auth,
    offset(start, meta.indexed), meta.hash, table.concat(meta.unconfirmed, ','), table.concat(previous, ','), since(start, meta.rotated), meta.user,
  }, '|'))
end

-- Comes last in a script: Redis deletes a key whose end is over at once, and a later write would make it anew, without an end.
local function expire(key, meta)
  redis.call('PEXPIREAT', key, string.format('%.0f', endOf(meta)))
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

-- Once it is used, nobody needs to know any more which session it has replaced: that one has gone.
local function forgetFrom(key)
  redis.call('HDEL', key, FROM)
end

-- What follows decides as src/session/rotation.ts does.

-- The last secret that was told.
local function newest(meta)
  return meta.unconfirmed[#meta.unconfirmed] or meta.hash
end

local function forgetPast(meta, now)
  local kept = {}
  for _, secret in ipairs(meta.previous) do
    if now < secret.ends then table.insert(kept, secret) end
  end
  meta.previous = kept
end

-- The first newer secret that is presented replaces all others, which have the grace left; once that is over they are forgotten.
local function confirm(meta, presented, grace, now)
  forgetPast(meta, now)
  if not has(meta.unconfirmed, presented) then return end
  if grace > 0 then
    table.insert(meta.unconfirmed, 1, meta.hash)
    for _, hash in ipairs(meta.unconfirmed) do
      if hash ~= presented then table.insert(meta.previous, {hash = hash, ends = now + grace}) end
    end
  end
  meta.hash, meta.unconfirmed = presented, {}
end

-- The answer is about to tell the browser that secret, which the request has made: from now on it may be on its way.
local function tell(meta, told, now)
  if told ~= '' and #meta.unconfirmed > 0 and newest(meta) == told then meta.rotated = now end
end

-- A change of who or what somebody is leaves no grace. A secret that waits for a newer one to be presented may be the only one they have.
local function endGrace(meta)
  meta.previous = {}
end

-- Until when, in epoch ms, the string of connect-redis can be there that the session was made from; 0 where it was none. What is left of the session
-- must not go before it, or the string would bring it back.
local function stringEnds(key)
  return tonumber(redis.call('HGET', key, WAS) or '0') or 0
end

-- A tombstone that tells nobody anything, and those that tell why begin so where nobody's secret is known.
local NO_WORD = '1||'

-- Leaves word of an ended session, for those who have one of the secrets, until then (epoch ms).
local function leaveWord(key, hashes, reason, till)
  redis.pcall('HSET', key, GONE_FIELD, table.concat({'1', hashes, reason}, '|'))
  redis.call('PEXPIREAT', key, string.format('%.0f', till))
end
