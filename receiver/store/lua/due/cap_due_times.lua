#!lua
-- Make work due now that is due further ahead than its longest wait, because a wrong clock dated it.
--
-- KEYS[1]  due:<lane>
-- ARGV     prefix, now ms, the longest wait in ms, 1 if the lane contains rows
-- reply    number of changed members
local p, now = ARGV[1], tonumber(ARGV[2])
local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + tonumber(ARGV[3])), '+inf', 'LIMIT', 0, 500)
for _, member in ipairs(ahead) do
  if ARGV[4] == '1' and redis.call('EXISTS', p .. 'row:' .. member) == 1 then
    redis.call('HSET', p .. 'row:' .. member, 'until', 0, 'token', '')
    redis.call('HDEL', p .. 'row:' .. member, 'wait')
  end
  redis.call('ZADD', KEYS[1], now, member)
end
return #ahead
