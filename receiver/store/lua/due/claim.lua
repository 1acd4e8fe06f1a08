#!lua flags=allow-oom
-- Claim due rows of one lane, each with a lease: until it ends, no other replica sends the row.
--
-- KEYS[1]  due:<lane>
-- ARGV     prefix, now ms, lease ms, token, most, 1 if the lane contains timers
-- reply    {member, ...}; a row's token, until and tries are set before the reply
local p, now, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[5]))
local taken = {}
for _, member in ipairs(due) do
  if ARGV[6] ~= '1' and redis.call('EXISTS', p .. 'row:' .. member) == 0 then
    redis.call('ZREM', KEYS[1], member) -- its incident is no longer in the history: nothing is left to send
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
