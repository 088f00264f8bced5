-- Seals a session that connect-redis has kept, so that it has one last text for everybody who converts it. When it ends stays as it is; one without an
-- end gets one.
--
-- KEYS[1]  string
-- ARGV[1]  for how many ms it is kept if it has no end
--
-- Returns {DONE, now, the sealed text, ms until it ends} when it is sealed (also by an earlier try), {GONE, now} when there is none.

-- include _status
-- include _string

local key, now = KEYS[1], clock()
local value = redis.call('GET', key)
if not value then return {GONE, now} end
if not isSealed(value) then
  value = MARK .. value
  redis.call('SET', key, value, 'KEEPTTL')
end
if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ARGV[1]) end
return {DONE, now, value, redis.call('PTTL', key)}
