#!lua flags=allow-oom
-- Take what is due in one lane, each row with a lease: until it ends nobody else sends it.
--
-- KEYS[1]  due:<lane>
-- ARGV     prefix, now ms, lease ms, token, most, 1 when the lane holds timers
-- reply    {member, ...}; a row's token, until and tries are set before the reply
local p, now, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[5]))
local taken = {}
for _, member in ipairs(due) do
  if ARGV[6] ~= '1' and redis.call('EXISTS', p .. 'row:' .. member) == 0 then
    redis.call('ZREM', KEYS[1], member) -- its incident is older than the history: nobody is owed anything
  else
    redis.call('ZADD', KEYS[1], now + lease, member)
    taken[#taken + 1] = member
  end
end
for _, member in ipairs(taken) do
  if ARGV[6] ~= '1' then
    redis.call('HSET', p .. 'row:' .. member, 'token', ARGV[4], 'until', now + lease)
    redis.call('HDEL', p .. 'row:' .. member, 'wait')
    local counted = redis.pcall('HINCRBY', p .. 'row:' .. member, 'tries', 1)
    if type(counted) == 'table' then redis.call('HSET', p .. 'row:' .. member, 'tries', 1) end
  end
end
return taken
