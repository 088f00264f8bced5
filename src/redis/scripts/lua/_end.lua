-- How a session ends, and what is left of it.

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
end
