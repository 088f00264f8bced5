-- Deletes what lies where the index of a user belongs and is none.
--
-- KEYS[1]  sessions of the user
--
-- Returns {DONE, now} when it was deleted, {GONE, now} when there is an index, or nothing.

-- include _status
-- include _index

local key, now = KEYS[1], clock()
local size = redis.pcall('ZCARD', key)
if type(size) == 'number' then return {GONE, now} end
if not string.find(size.err, 'WRONGTYPE', 1, true) then return size end
redis.call('DEL', key)
return {DONE, now}
