#!lua
-- Store the beginning of a refused body, and notify people at most once in ten minutes.
--
-- KEYS[1]  refused
-- ARGV     prefix, head JSON, now ms, time between two notifications in ms (600000), then for each destination: member, lane, destination JSON, memory JSON
-- reply    1 if rows were added, 0 if people were already notified
local p, now = ARGV[1], tonumber(ARGV[3])
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, 99)
if not redis.call('SET', p .. 'told', now, 'NX', 'PX', tonumber(ARGV[4])) then return 0 end
for i = 5, #ARGV, 4 do
  local key = p .. 'row:' .. ARGV[i]
  redis.call('HSET', key, 'uid', '', 'lane', ARGV[i + 1], 'to', ARGV[i + 2], 'last', 1, 'cursor', 0, 'memory', ARGV[i + 3], 'since', now)
  redis.call('EXPIRE', key, 86400)
  redis.call('ZADD', p .. 'due:' .. ARGV[i + 1], now, ARGV[i])
end
return 1
