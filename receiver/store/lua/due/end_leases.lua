#!lua flags=allow-oom
-- End every lease, for a store that only one service can reach and whose previous process is known to have ended.
--
-- KEYS     due:<lane> of every delivery lane
-- ARGV     prefix, now ms
-- reply    number of rows that are due now
local p, now, freed = ARGV[1], tonumber(ARGV[2]), 0
for _, due in ipairs(KEYS) do
  for _, member in ipairs(redis.call('ZRANGE', due, 0, -1)) do
    local held = tonumber(redis.call('HGET', p .. 'row:' .. member, 'until') or '0')
    if held > now then
      redis.call('HSET', p .. 'row:' .. member, 'until', 0, 'token', '')
      redis.call('ZADD', due, now, member)
      freed = freed + 1
    end
  end
end
return freed
