#!lua
-- Make rows that belong to no incident, or none of them when a door has asked for them before.
--
-- KEYS[1]  commits (not touched: it only says which node of a cluster)
-- ARGV     prefix, now ms, once key or "", what it is kept with, then for each row: member, lane, destination JSON,
--          memory JSON
-- reply    1 when rows were made, 0 when they had been made before, -1 when the key was kept with something else
local p, now = ARGV[1], tonumber(ARGV[2])
if ARGV[3] ~= '' then
  local once = p .. 'once:' .. ARGV[3]
  local before = redis.call('GET', once)
  if before then return cjson.decode(before)[4] == ARGV[4] and 0 or -1 end
  redis.call('SET', once, cjson.encode({'', '', 0, ARGV[4]}), 'EX', 604800)
end
for i = 5, #ARGV, 4 do
  local key = p .. 'row:' .. ARGV[i]
  redis.call('HSET', key, 'uid', '', 'lane', ARGV[i + 1], 'to', ARGV[i + 2], 'last', 1, 'cursor', 0, 'memory', ARGV[i + 3], 'since', now)
  redis.call('EXPIRE', key, 604800)
  redis.call('ZADD', p .. 'due:' .. ARGV[i + 1], now, ARGV[i])
end
return 1
