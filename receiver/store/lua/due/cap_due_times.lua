#!lua
-- Let what is due further ahead than it can sensibly wait be due now: it was dated by a clock that was wrong.
--
-- KEYS[1]  due:<lane>
-- ARGV     prefix, now ms, the longest sensible wait in ms, 1 when the lane holds rows
-- reply    how many there were
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
