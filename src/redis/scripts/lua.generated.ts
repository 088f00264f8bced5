// Written by scripts/embed-lua.mjs from src/redis/scripts/lua/*.lua. Do not edit.

const _end = `-- How a session ends, and what is left of it.

-- Whoever has a secret that was good no longer is told nothing.
local function hashesOf(meta, now)
  forgetPast(meta, now)
  local hashes = {meta.hash, unpack(meta.unconfirmed)}
  for _, secret in ipairs(meta.previous) do table.insert(hashes, secret.hash) end
  return table.concat(hashes, ',')
end

-- Until when the credential that a session was made from could come again; 0 for a session that was made from none.
local function adoptedUntil(key)
  return tonumber(redis.call('HGET', key, ADOPTED) or '0', 36) or 0
end

-- When a session began: one that was adopted, when its user had signed in.
local function beganAt(key, meta)
  return adoptedUntil(key) > 0 and math.min(meta.created, meta.indexed) or meta.created
end

-- Ends a session, and leaves word of it for that many ms, with the hashes of the secrets whose holders may know. The word of one that was adopted stays for
-- as long as its credential could come again.
local function finish(key, hashes, reason, ms, now)
  local adopted = adoptedUntil(key)
  if adopted <= now then
    -- First, since Redis that is out of memory lets a key go, and refuses nothing of a script that has written.
    redis.call('DEL', key)
    if ms > 0 then leaveWord(key, hashes, reason, now + ms) end
    return
  end
  -- That field is the word, and is there already: so this needs no memory at all.
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field ~= ADOPTED then redis.call('HDEL', key, field) end
  end
  redis.call('PEXPIREAT', key, string.format('%.0f', adopted))
  leaveWord(key, hashes, reason, math.max(now + ms, adopted))
end`;

const _index = `-- The sessions of one user: a sorted set of handles, each with the latest moment, in epoch ms, at which it can be alive, and half a ms more
-- while a sign-in under way has only reserved it. What revokeAll has ended is told by one more member, the fence, '!most|except|reason' with the
-- score -ended: every session that was indexed up to \`ended\` is over, but for \`except\`. All that were named then have a score of \`most\` or less, and
-- whatever is named since has a greater one.
local RESERVED = 0.5

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function sweep(key, now)
  redis.call('ZREMRANGEBYSCORE', key, 0, string.format('%.0f', now))
end

local function fenceOf(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] or tonumber(first[2]) >= 0 then return nil end
  local most, except, reason = first[1]:match('^!([%d.]+)|([^|]*)|(.*)$')
  return most and { member = first[1], ended = -tonumber(first[2]), most = tonumber(most), except = except, reason = reason }
end

-- Whether a session that was indexed then is over. '0' for one whose time is not known.
local function isEnded(fence, handle, indexed)
  return fence and tonumber(indexed) <= fence.ended and handle ~= fence.except
end

local function isBehind(fence, score)
  return fence and score <= fence.most
end

local function scoreOf(key, handle)
  local score = redis.call('ZSCORE', key, handle)
  return score and tonumber(score)
end

local function text(score)
  return string.format('%.2f', score)
end

-- Names a session, beyond the fence.
local function name(key, fence, handle, score)
  if isBehind(fence, score) then score = math.floor(fence.most) + 1 + score % 1 end
  redis.call('ZADD', key, text(score), handle)
end

-- How many sessions are named beyond the fence, without those.
local function countWithout(key, fence, handles)
  local count = fence and redis.call('ZCOUNT', key, '(' .. text(fence.most), '+inf') or redis.call('ZCARD', key)
  local seen = {}
  for _, handle in ipairs(handles) do
    local score = not seen[handle] and scoreOf(key, handle)
    if score and not isBehind(fence, score) then count = count - 1 end
    seen[handle] = true
  end
  return count
end

-- The key lives as long as the session that can live longest, and never shorter than its fence was to be kept.
local function expire(key, fence, now)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if not last[2] then return end
  local at = math.ceil(tonumber(last[2]))
  if fence then at = math.max(at, now + redis.call('PTTL', key)) end
  redis.call('PEXPIREAT', key, string.format('%.0f', at))
end

-- As Redis orders them, whatever the locale of the server.
local function isLess(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many members stand before that place, which need not be taken (any more).
local function rankOf(key, handle, score)
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', key, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isLess(redis.call('ZRANGE', key, middle, middle)[1], handle) then low = middle + 1 else high = middle end
  end
  return low
end`;

const _meta = `-- The packed metadata field, as src/session/store/session-fields.ts reads it, times in base 36, most of them as ms since the first:
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
end`;

const _status = `-- What the first number of a script's answer means.
local GONE = 0 -- There is no such session (any more).
local DONE = 1 -- What was asked for is done.
local UNCHANGED = 2 -- Nothing was done: it is so already, or must not be so yet.
local TAKEN = 3 -- The key belongs to another session.
local NOT_INTEGER = 4 -- The entry is not an integer, or would not be one that JavaScript knows exactly.
local CHANGED = 5 -- What is stored differs from what was expected.
local FULL = 6 -- There are as many as there may be.
local NO_ENTRY = 7 -- The reserved entry has expired.
local DAMAGED = 8 -- What lies there is not what this package writes.`;

const _string = `-- A session as connect-redis keeps it: one string. With the mark before it, it is sealed: it is being converted, and nobody writes to it any more.
local MARK = '@'

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function isSealed(value)
  return value:sub(1, 1) == MARK
end`;

/** The texts of the scripts, as Redis gets them. */
export const LUA = {
  clear: `-- Deletes what lies where the index of a user belongs and is none.
--
-- KEYS[1]  sessions of the user
--
-- Returns {DONE, now} when it was deleted, {GONE, now} when there is an index, or nothing.

${_status}
${_index}

local key, now = KEYS[1], clock()
local size = redis.pcall('ZCARD', key)
if type(size) == 'number' then return {GONE, now} end
if not string.find(size.err, 'WRONGTYPE', 1, true) then return size end
redis.call('DEL', key)
return {DONE, now}
`,

  compareAndSet: `-- Replaces the text of an entry, if it is still the expected one, unless the session has ended or is another user's.
--
-- KEYS[1]  session
-- ARGV[1]  when the session was created, epoch ms
-- ARGV[2]  user id whose session it must be
-- ARGV[3]  field of the entry
-- ARGV[4]  expected text
-- ARGV[5]  new text
--
-- Returns {DONE, now} when replaced, {CHANGED, now} when the text was another, {GONE, now} when there is no such session (any more).

${_status}
${_meta}

local key, now = KEYS[1], clock()
local meta = readLive(key, ARGV[1], now)
if not meta or meta.user ~= ARGV[2] then return {GONE, now} end
if redis.call('HGET', key, ARGV[3]) ~= ARGV[4] then return {CHANGED, now} end

endGrace(meta)
write(key, meta)
redis.call('HSET', key, ARGV[3], ARGV[5])
return {DONE, now}
`,

  confirm: `-- Makes a reserved entry a lasting one, now that the session is the user's. The session that it replaces keeps its name, since it is there still.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms
-- ARGV[3]  epoch ms of the latest moment at which it can be alive
-- ARGV[4]  handle of the user's session that it replaces, '' for none
-- ARGV[5]  when that one was indexed, epoch ms, 0 when not known
--
-- Returns {DONE, now, number of sessions without the replaced one} when confirmed (also by an earlier try), {GONE, now, reason} when one of the two is over,
-- {NO_ENTRY, now} when there is no entry: what was reserved has run out.

${_status}
${_index}

local key, now = KEYS[1], clock()
sweep(key, now)
local fence = fenceOf(key)
if isEnded(fence, ARGV[1], ARGV[2]) or (ARGV[4] ~= '' and isEnded(fence, ARGV[4], ARGV[5])) then return {GONE, now, fence.reason} end
if not scoreOf(key, ARGV[1]) then return {NO_ENTRY, now} end
name(key, fence, ARGV[1], tonumber(ARGV[3]))
expire(key, fence, now)
return {DONE, now, countWithout(key, fence, {ARGV[4]})}
`,

  convert: `-- Stores what was a string of connect-redis as a session of its own, which ends when the string would have.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  ms until the string ends
-- ARGV[4]  absolute timeout in ms, 0 for none
-- ARGV[5]  user id, '' for none
-- ARGV[6]  when the user signed in, in epoch ms
-- ARGV[7]  when it was indexed, epoch ms by the clock of the index, 0 for not
-- ARGV[8]  cookie attributes as JSON, '' for none
-- ARGV[9]  field and value of the first entry, and so on in pairs
--
-- Returns {DONE, now} when stored, {UNCHANGED, now} when it is there already, {GONE, now} when it was ended, {TAKEN, now} when what is there is no session.

${_status}
${_meta}

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  if read(key) then return {UNCHANGED, now} end
  return {redis.call('HEXISTS', key, GONE_FIELD) == 1 and GONE or TAKEN, now}
end

local left = tonumber(ARGV[3])
-- So that it was not seen before 1970: a time has no sign.
local idle = math.min(tonumber(ARGV[2]), now + left - 1)
-- Nobody knows when it was created. It was there when it was last seen, which its end tells.
local seen = now - math.max(0, idle - left)
local meta = {
  created = seen, seen = seen, ends = ARGV[4] ~= '0' and now + tonumber(ARGV[4]) or nil, idle = math.max(idle, left),
  auth = ARGV[5] == '' and '' or base36(tonumber(ARGV[6])), indexed = tonumber(ARGV[7]), hash = ARGV[1], unconfirmed = {}, previous = {}, user = ARGV[5],
}
-- Without the last command, which gives it an end, it would stay for ever.
local isStored, failure = pcall(function()
  write(key, meta)
  redis.call('HSET', key, WAS, string.format('%.0f', now + left))
  if ARGV[8] ~= '' then writeCookie(key, ARGV[8]) end
  for i = 9, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  expire(key, meta)
end)
if not isStored then
  redis.call('DEL', key)
  return type(failure) == 'table' and failure or redis.error_reply(failure)
end
return {DONE, now}
`,

  create: `-- Stores a new session, unless its handle is taken.
--
-- KEYS[1]  session
-- ARGV[1]  secret hash
-- ARGV[2]  idle timeout in ms
-- ARGV[3]  absolute timeout in ms, 0 for none
-- ARGV[4]  absolute end in epoch ms to keep, 0 to take ARGV[3] from now
-- ARGV[5]  user id, '' for none
-- ARGV[6]  when the user signed in, in epoch ms, to keep, 0 for now
-- ARGV[7]  when it was indexed, epoch ms by the clock of the index, 0 for not
-- ARGV[8]  handle of the user's session that it replaces, '' for none
-- ARGV[9]  cookie attributes as JSON, '' for none
-- ARGV[10]  device as JSON, '' for none
-- ARGV[11]  until when the credential that it is made from could come again, epoch ms, '' where it is made from none
-- ARGV[12]  field and value of the first entry, and so on in pairs
--
-- Returns {DONE, now, absolute end or 0} when stored, {UNCHANGED, now, 0} when this secret's session was stored by an earlier try,
-- {TAKEN, now, 0} when the handle belongs to another session, {GONE, now, 0} when somebody has ended the session before it came to be.

${_status}
${_meta}

local key, now = KEYS[1], clock()
if redis.call('EXISTS', key) == 1 then
  local meta = read(key)
  if meta and meta.hash == ARGV[1] then return {UNCHANGED, now, 0} end
  local word = redis.call('HGET', key, GONE_FIELD) or ''
  -- What its holder has ended bars only what would bring the data back; a sid that comes again is a new session.
  if word ~= NO_WORD then return {word:find(NO_WORD, 1, true) == 1 and GONE or TAKEN, now, 0} end
  redis.call('DEL', key)
end

local ends
if ARGV[4] ~= '0' then ends = tonumber(ARGV[4]) elseif ARGV[3] ~= '0' then ends = now + tonumber(ARGV[3]) end
local auth = ARGV[6] == '0' and '' or base36(tonumber(ARGV[6]))
local meta = {
  created = now, seen = now, ends = ends, idle = tonumber(ARGV[2]), auth = auth, indexed = tonumber(ARGV[7]), hash = ARGV[1], unconfirmed = {},
  previous = {}, user = ARGV[5],
}
-- Without the last command, which gives it an end, it would stay for ever.
local isStored, failure = pcall(function()
  write(key, meta)
  if ARGV[8] ~= '' then redis.call('HSET', key, FROM, ARGV[8]) end
  if ARGV[9] ~= '' then writeCookie(key, ARGV[9]) end
  writeDevice(key, ARGV[10])
  if ARGV[11] ~= '' then redis.call('HSET', key, ADOPTED, base36(tonumber(ARGV[11]))) end
  for i = 12, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  expire(key, meta)
end)
if not isStored then
  redis.call('DEL', key)
  return type(failure) == 'table' and failure or redis.error_reply(failure)
end
return {DONE, now, ends or 0}
`,

  destroy: `-- Ends a session for its holder. What is left of one that has ended stays, and is no session.
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

${_status}
${_meta}
${_end}

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
`,

  fence: `-- Ends the sessions of a user that are indexed now, but for one. Whoever meets one of them from now on finds it over.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the session to leave alone, '' for none
-- ARGV[2]  when that one was indexed, epoch ms, 0 when not known
-- ARGV[3]  for how many ms it must be known at least
-- ARGV[4]  reason
--
-- Returns {DONE, now, up to when indexed, the last score of those that are over}, {GONE, now} when the session to leave alone is over itself.

${_status}
${_index}

local key, now = KEYS[1], clock()
-- First, also since Redis that is out of memory refuses nothing of a script that has written.
sweep(key, now)
local before = fenceOf(key)
if ARGV[1] ~= '' and isEnded(before, ARGV[1], ARGV[2]) then return {GONE, now} end

-- Later than whatever was indexed since the fence before, also where the clock was set back.
local ended = before and math.max(now, before.ended + 1) or now
local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
local most = math.max(tonumber(last[2] or 0), before and before.most or 0, 0)
local fence = { member = '!' .. text(most) .. '|' .. ARGV[1] .. '|' .. ARGV[4], ended = ended, most = most, except = ARGV[1] }
redis.call('ZADD', key, text(-ended), fence.member)
if before and before.member ~= fence.member then redis.call('ZREM', key, before.member) end
if ARGV[1] ~= '' and scoreOf(key, ARGV[1]) then name(key, fence, ARGV[1], 0) end
redis.call('PEXPIREAT', key, string.format('%.0f', math.max(math.floor(most) + 1, now + tonumber(ARGV[3]), now + redis.call('PTTL', key))))
return {DONE, now, ended, text(most)}
`,

  forget: `-- Drops names of sessions that have gone.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  when the session was indexed, epoch ms, 0 when not known; '' where nobody asks whether it is over
-- ARGV[2]  handle, and so on
--
-- Returns {DONE, now}, or {GONE, now} when a fence has ended the session that was asked for.

${_status}
${_index}

local key, now = KEYS[1], clock()
redis.call('ZREM', key, unpack(ARGV, 2))
if ARGV[1] ~= '' and isEnded(fenceOf(key), ARGV[2], ARGV[1]) then return {GONE, now} end
return {DONE, now}
`,

  increment: `-- Adds to an integer entry of a session, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  field of the entry
-- ARGV[5]  what to add, an integer
--
-- Returns {DONE, now, sum} when added, {NOT_INTEGER, now} when the entry is not an integer or the sum would not be a safe one in JavaScript,
-- {GONE, now} when the session has ended.

${_status}
${_meta}

local key, now = KEYS[1], clock()
if not readFor(key, ARGV[1], ARGV[2], ARGV[3], now) then return {GONE, now} end

local SAFE = 9007199254740991
local text = redis.call('HGET', key, ARGV[4]) or '0'
local function number(integer) return string.format('%.0f', integer) end
local function isSafe(value) return value <= SAFE and value >= -SAFE end
local value = #text <= 17 and text:match('^-?%d+$') and tonumber(text)
local sum = value and value + tonumber(ARGV[5])
if not sum or not isSafe(value) or not isSafe(sum) then return {NOT_INTEGER, now} end
redis.call('HSET', key, ARGV[4], number(sum))
-- As text: ioredis reads an integer reply of sixteen digits inexactly.
return {DONE, now, number(sum)}
`,

  isOver: `-- Tells whether a session is over by the fence of its user. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms, 0 when not known
--
-- Returns {GONE, now, reason} when it is over, {DONE, now} when not.

${_status}
${_index}

local fence = fenceOf(KEYS[1])
if isEnded(fence, ARGV[1], ARGV[2]) then return {GONE, clock(), fence.reason} end
return {DONE, clock()}
`,

  nearest: `-- Names sessions of a user, the one whose end is nearest first: those that a fence has ended, or those that none has. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the last one of the page before, '' for the first page
-- ARGV[2]  its score
-- ARGV[3]  how many
-- ARGV[4]  the last score of those that are over, '' to name those that are not
--
-- Returns {DONE, now, handle, score, and so on in pairs}.

${_status}
${_index}

local key, now = KEYS[1], clock()
local fence = fenceOf(key)
local least, most = now, ARGV[4] ~= '' and tonumber(ARGV[4]) or math.huge
if ARGV[4] == '' and fence then least = math.max(now, fence.most) end
local first = redis.call('ZCOUNT', key, '-inf', text(least))
if ARGV[1] ~= '' then
  local rank = rankOf(key, ARGV[1], ARGV[2])
  if redis.call('ZRANGE', key, rank, rank)[1] == ARGV[1] then rank = rank + 1 end
  first = math.max(first, rank)
end
local reply = {DONE, now}
local found = redis.call('ZRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) > most then break end
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
end
return reply
`,

  notBefore: `-- Sets the time before which the sessions of a user are dead, unless a later one is set. What has not come yet counts as now, or the
-- sign-ins until then would be dead too; those of this very millisecond are dead with it.
--
-- KEYS[1]  that time
-- ARGV[1]  epoch ms, '' for now
-- ARGV[2]  for how many ms it is kept
--
-- Returns {DONE, now, the time that counts}, {DAMAGED, now} when what lies there is no time, and may have been a later one.

${_status}

local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local soon = now + 1
local counts = math.min(tonumber(ARGV[1]) or soon, soon)
local found = redis.pcall('GET', key) or '0'
if type(found) == 'table' and not found.err:find('^WRONGTYPE') then return found end
local set = type(found) == 'string' and found:match('^%d+$') and tonumber(found)
if not set and counts < soon then return {DAMAGED, now} end
redis.call('SET', key, string.format('%.0f', math.max(set or 0, counts)), 'PX', ARGV[2])
return {DONE, now, counts}
`,

  page: `-- Names sessions of a user, the one that can live longest first. Reads only.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle of the last one of the page before, '' for the first page
-- ARGV[2]  its score
-- ARGV[3]  how many
--
-- Returns {DONE, now, the last score of those that are over or '', up to when those were indexed, reason, handle, score, and so on in pairs}.

${_status}
${_index}

local key, now = KEYS[1], clock()
local fence = fenceOf(key)
local first = 0
if ARGV[1] ~= '' then first = redis.call('ZCARD', key) - rankOf(key, ARGV[1], ARGV[2]) end
local reply = {DONE, now, fence and text(fence.most) or '', fence and text(fence.ended) or '', fence and fence.reason or ''}
local found = redis.call('ZREVRANGE', key, first, first + tonumber(ARGV[3]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) <= now then break end
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
end
return reply
`,

  refresh: `-- Says again that a session in use is the user's, and until when it can be alive.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  when it was indexed, epoch ms, 0 when not known
-- ARGV[3]  epoch ms of the latest moment at which it can be alive
--
-- Returns {DONE, now} when said, {GONE, now, reason} when the session is over.

${_status}
${_index}

local key, now = KEYS[1], clock()
-- First, also since Redis that is out of memory refuses nothing of a script that has written: a session in use must not lose its name.
sweep(key, now)
local fence = fenceOf(key)
if isEnded(fence, ARGV[1], ARGV[2]) then return {GONE, now, fence.reason} end
name(key, fence, ARGV[1], tonumber(ARGV[3]))
expire(key, fence, now)
return {DONE, now}
`,

  reserve: `-- Reserves the entry of a session that is about to become a user's. One that is the user's already keeps the entry that it has.
--
-- KEYS[1]  sessions of the user
-- ARGV[1]  handle
-- ARGV[2]  for how many ms
-- ARGV[3]  how many sessions the user may have, 0 for any number
-- ARGV[4]  handle of the user's session that it replaces, '' for none
-- ARGV[5]  when that one was indexed, epoch ms, 0 when not known
-- ARGV[6]  when the user signed in by the credential that the session is made from, epoch ms: it is indexed as of then; '' for one that begins now
-- ARGV[7]  handle of a session that does not count, and so on
--
-- Returns {DONE, now, when it is indexed} when reserved, {FULL, now} when there are too many already, {GONE, now, reason} when the session that it
-- replaces, or the credential, is over.

${_status}
${_index}

local key, now = KEYS[1], clock()
sweep(key, now)
local fence = fenceOf(key)
if ARGV[4] ~= '' and isEnded(fence, ARGV[4], ARGV[5]) then return {GONE, now, fence.reason} end
if ARGV[6] ~= '' and isEnded(fence, ARGV[1], ARGV[6]) then return {GONE, now, fence.reason} end

local most = tonumber(ARGV[3])
local uncounted = {ARGV[1], ARGV[4]}
for i = 7, #ARGV do uncounted[#uncounted + 1] = ARGV[i] end
if most > 0 and countWithout(key, fence, uncounted) >= most then return {FULL, now} end

local score = scoreOf(key, ARGV[1])
if not score or score % 1 == RESERVED or isBehind(fence, score) then
  name(key, fence, ARGV[1], now + tonumber(ARGV[2]) + RESERVED)
  expire(key, fence, now)
end
if ARGV[6] ~= '' then return {DONE, now, tonumber(ARGV[6])} end
-- The clock may have been set back since.
return {DONE, now, fence and math.max(now, fence.ended + 1) or now}
`,

  revoke: `-- Ends a session for somebody other than its holder, and leaves word of it for whoever has its secret.
--
-- KEYS[1]  session
-- ARGV[1]  user id whose session it must be
-- ARGV[2]  reason
-- ARGV[3]  for how many ms its holder can learn the reason
-- ARGV[4]  epoch ms before which it must have begun, '' for any time
-- ARGV[5]  epoch ms up to which it must have been indexed, by the clock of the index, '' for any time
-- ARGV[6]  1 when it may not be there yet: then word is left that lets nobody create it
-- ARGV[7]  1 to leave word of it for as long as it could have lived, where that is longer
--
-- Returns {DONE, now} when it has ended now, {GONE, now} when there is no such session (any more).

${_status}
${_meta}
${_end}

local key, now, ms = KEYS[1], clock(), tonumber(ARGV[3])
if ARGV[6] == '1' and redis.call('EXISTS', key) == 0 then
  leaveWord(key, '', ARGV[2], now + ms)
  return {GONE, now}
end
local meta = read(key)
if not meta or meta.user ~= ARGV[1] then return {GONE, now} end
if ARGV[4] ~= '' and beganAt(key, meta) >= tonumber(ARGV[4]) then return {GONE, now} end
if ARGV[5] ~= '' and meta.indexed > tonumber(ARGV[5]) then return {GONE, now} end

local isOver = meta.ends and meta.ends <= now
local kept = math.max(ms, stringEnds(key) - now, ARGV[7] == '1' and redis.call('PTTL', key) or 0)
finish(key, hashesOf(meta, now), ARGV[2], isOver and 0 or kept, now)
return {isOver and GONE or DONE, now}
`,

  rotate: `-- Gives a session a new secret beside the one that its browser has, which stays good until a newer one is presented, unless the session has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  rotation grace in ms
-- ARGV[5]  hash of the secret that the request has by now
-- ARGV[6]  hash of the new secret
-- ARGV[7]  for how many ms the session has been loaded
-- ARGV[8]  1 when the user has just proved again who they are: the new secret is then the only good one; else 0
-- ARGV[9]  how many secrets are remembered besides the current one
--
-- Returns {DONE, now, when} when rotated (also by an earlier try), {UNCHANGED, now, hash of the newest secret} when nothing was done since an earlier
-- rotation may still be on its way, has replaced the presented secret, or too many are, {GONE, now} when the session, or with ARGV[8] the presented
-- secret, has ended.

${_status}
${_meta}

local key, now = KEYS[1], clock()
local presented, grace, own, next = ARGV[2], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local reauthenticated = ARGV[8] == '1'

local meta = readLive(key, ARGV[1], now)
if not meta then return {GONE, now} end
if meta.hash == next or has(meta.unconfirmed, next) then return {DONE, now, meta.rotated} end
meta = readFor(key, ARGV[1], presented, ARGV[3], now)
if not meta then return {GONE, now} end

confirm(meta, presented, grace, now)
local isCurrent = presented == meta.hash or own == meta.hash
if reauthenticated then
  if not isCurrent then return {GONE, now} end
  meta.auth, meta.hash, meta.unconfirmed, meta.previous = base36(now), next, {}, {}
else
  -- One loaded two graces after the last rotation was sent after the answer of that arrived or was lost.
  local isTooSoon = #meta.unconfirmed > 0 and now - tonumber(ARGV[7]) < (meta.rotated or 0) + 2 * grace
  if not isCurrent or isTooSoon or #meta.unconfirmed + #meta.previous >= tonumber(ARGV[9]) then return {UNCHANGED, now, newest(meta)} end
  table.insert(meta.unconfirmed, next)
end
meta.rotated = now
write(key, meta)
return {DONE, now, meta.rotated}
`,

  save: `-- Writes the changed entries of a session and starts its idle timeout anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  hash of the secret that the request has made and is about to tell, '' for none
-- ARGV[5]  rotation grace in ms
-- ARGV[6]  idle timeout in ms
-- ARGV[7]  cookie attributes as JSON, '' for none
-- ARGV[8]  the same as loaded
-- ARGV[9]  device as JSON, '' to leave it
-- ARGV[10]  '+' and the user id when the session becomes another user's, '+' for nobody's, '' to leave it
-- ARGV[11]  when it was indexed as that user's, epoch ms by the clock of the index, 0 for not
-- ARGV[12]  number of removed fields
-- ARGV[13]  the removed fields, then field and value of each changed entry
--
-- Returns {DONE, now, hash of the newest secret, idle timeout in ms, when the user has proved who they are or 0} when written, {GONE, now} when the session has ended.

${_status}
${_meta}

local key, now = KEYS[1], clock()
local meta = readFor(key, ARGV[1], ARGV[2], ARGV[3], now)
if not meta then return {GONE, now} end

local keepsCookie = isCookieOfAnother(key, ARGV[7], ARGV[8])
meta.seen = now
if not keepsCookie then meta.idle = tonumber(ARGV[6]) end
confirm(meta, ARGV[2], tonumber(ARGV[5]), now)
tell(meta, ARGV[4], now)
if ARGV[10] ~= '' then
  -- Another id says nothing of when somebody has proved who they are.
  if meta.user == '' then meta.auth = base36(now) end
  meta.user, meta.indexed = ARGV[10]:sub(2), tonumber(ARGV[11])
  endGrace(meta)
end
-- First what Redis refuses when it is out of memory, so that a refused save has written nothing.
write(key, meta)
writeDevice(key, ARGV[9])
local removed = tonumber(ARGV[12])
for i = 13 + removed, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
for i = 13, 12 + removed do redis.call('HDEL', key, ARGV[i]) end
forgetFrom(key)
if not keepsCookie then writeCookie(key, ARGV[7]) end
expire(key, meta)
return {DONE, now, newest(meta), meta.idle, authenticated(meta)}
`,

  stringCreate: `-- Stores a new session as connect-redis keeps it, unless there is one.
--
-- KEYS[1]  string
-- ARGV[1]  text
-- ARGV[2]  idle timeout in ms
--
-- Returns {DONE, now} when stored, {TAKEN, now} when there is one.

${_status}
${_string}

local key, now = KEYS[1], clock()
if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then return {DONE, now} end
return {TAKEN, now}
`,

  stringDestroy: `-- Ends a session that connect-redis keeps.
--
-- KEYS[1]  string
-- ARGV[1]  text that it must have, '@' for any sealed one, '' for any
--
-- Returns {DONE, now, text} when it has ended now, {CHANGED, now} when its text is not so, {GONE, now} when there is none.

${_status}
${_string}

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
local isExpected = ARGV[1] == '' or value == ARGV[1] or (ARGV[1] == MARK and isSealed(value))
if not isExpected then return {CHANGED, now} end
redis.call('DEL', key)
return {DONE, now, value}
`,

  stringRead: `-- Reads what connect-redis keeps of a session.
--
-- KEYS[1]  string
--
-- Returns {DONE, now, text, ms until it ends or -1} when there is one, {GONE, now} when there is none.

${_status}
${_string}

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
return {DONE, now, value, redis.call('PTTL', key)}
`,

  stringSave: `-- Replaces the text of a session that connect-redis keeps and starts its idle timeout anew, if the text is still the expected one.
--
-- KEYS[1]  string
-- ARGV[1]  expected text
-- ARGV[2]  new text
-- ARGV[3]  idle timeout in ms
--
-- Returns {DONE, now} when replaced, {CHANGED, now, text, ms until it ends or -1} when the text is another or sealed, {GONE, now} when there is none.

${_status}
${_string}

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if isSealed(value) or value ~= ARGV[1] then return {CHANGED, now, value, redis.call('PTTL', key)} end
redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
return {DONE, now}
`,

  stringSeal: `-- Seals a session that connect-redis has kept, so that it has one last text for everybody who converts it. When it ends stays as it is; one without an
-- end gets one.
--
-- KEYS[1]  string
-- ARGV[1]  for how many ms it is kept if it has no end
--
-- Returns {DONE, now, the sealed text, ms until it ends} when it is sealed (also by an earlier try), {GONE, now} when there is none.

${_status}
${_string}

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if not isSealed(value) then
  value = MARK .. value
  redis.call('SET', key, value, 'KEEPTTL')
end
if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ARGV[1]) end
return {DONE, now, value, redis.call('PTTL', key)}
`,

  stringTouch: `-- Starts the idle timeout of a session anew that connect-redis keeps, unless it is sealed: nothing moves the end of that.
--
-- KEYS[1]  string
-- ARGV[1]  idle timeout in ms
--
-- Returns {DONE, now} when touched, {CHANGED, now, text, ms until it ends} when it is sealed, {GONE, now} when there is none.

${_status}
${_string}

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if isSealed(value) then return {CHANGED, now, value, redis.call('PTTL', key)} end
redis.call('PEXPIRE', key, ARGV[1])
return {DONE, now}
`,

  touch: `-- Starts the idle timeout of a session anew, unless it has ended.
--
-- KEYS[1]  session
-- ARGV[1]  when the loaded session was created, epoch ms
-- ARGV[2]  hash of the secret that the browser has presented
-- ARGV[3]  when the user had proved who they are, as loaded, epoch ms, 0 for nobody
-- ARGV[4]  hash of the secret that the request has made and is about to tell, '' for none
-- ARGV[5]  rotation grace in ms
-- ARGV[6]  idle timeout in ms
-- ARGV[7]  cookie attributes as JSON, '' for none
-- ARGV[8]  the same as loaded
-- ARGV[9]  device as JSON, '' to leave it
--
-- Returns {DONE, now, hash of the newest secret, idle timeout in ms} when touched, {GONE, now} when the session has ended.

${_status}
${_meta}

local key, now = KEYS[1], clock()
local meta = readFor(key, ARGV[1], ARGV[2], ARGV[3], now)
if not meta then return {GONE, now} end

local keepsCookie = isCookieOfAnother(key, ARGV[7], ARGV[8])
meta.seen = now
if not keepsCookie then meta.idle = tonumber(ARGV[6]) end
confirm(meta, ARGV[2], tonumber(ARGV[5]), now)
tell(meta, ARGV[4], now)
-- First what Redis does even when it is out of memory; from then on it refuses nothing of this script. A session in use must not end
-- because its metadata cannot be written.
redis.call('PEXPIRE', key, string.format('%.0f', meta.idle))
write(key, meta)
writeDevice(key, ARGV[9])
forgetFrom(key)
if not keepsCookie then writeCookie(key, ARGV[7]) end
expire(key, meta)
return {DONE, now, newest(meta), meta.idle}
`,
} as const;

/** What the first number of a script's answer means. */
export const STATUS = {
  /** There is no such session (any more). */
  gone: 0,
  /** What was asked for is done. */
  done: 1,
  /** Nothing was done: it is so already, or must not be so yet. */
  unchanged: 2,
  /** The key belongs to another session. */
  taken: 3,
  /** The entry is not an integer, or would not be one that JavaScript knows exactly. */
  notInteger: 4,
  /** What is stored differs from what was expected. */
  changed: 5,
  /** There are as many as there may be. */
  full: 6,
  /** The reserved entry has expired. */
  noEntry: 7,
  /** What lies there is not what this package writes. */
  damaged: 8,
} as const;
