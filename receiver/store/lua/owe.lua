#!lua
-- Make rows that belong to no incident, or none of them when a door has asked for them before.
--
-- KEYS[1]  commits (not touched: it only says which node of a cluster)
-- ARGV     prefix, now ms, once key or "", then for each row: member, lane, destination JSON, memory JSON
-- reply    1 when rows were made, 0 when they had been made before
local p, now = ARGV[1], tonumber(ARGV[2])
if ARGV[3] ~= '' and not redis.call('SET', p .. 'once:' .. ARGV[3], '["","",0,""]', 'NX', 'EX', 604800) then return 0 end
for i = 4, #ARGV, 4 do
  local key = p .. 'row:' .. ARGV[i]
  redis.call('HSET', key, 'uid', '', 'lane', ARGV[i + 1], 'to', ARGV[i + 2], 'last', 1, 'cursor', 0, 'memory', ARGV[i + 3], 'since', now)
  redis.call('EXPIRE', key, 604800)
  redis.call('ZADD', p .. 'due:' .. ARGV[i + 1], now, ARGV[i])
end
return 1
