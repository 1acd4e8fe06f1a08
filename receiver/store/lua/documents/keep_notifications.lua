#!lua
-- Add batches of notifications; remove those that are too old, and then the oldest until the rest is small enough.
--
-- KEYS[1]  history
-- ARGV     key of the texts, key of their size, the first member that is recent enough, maximum bytes, ms to live,
--          then for each batch: its member, its text
-- reply    size of all texts in bytes
local texts, size = ARGV[1], ARGV[2]
local kept = tonumber(redis.call('GET', size) or '0')
local function leave(member)
  kept = kept - redis.call('HSTRLEN', texts, member)
  redis.call('HDEL', texts, member)
  redis.call('ZREM', KEYS[1], member)
end
for at = 6, #ARGV, 2 do
  if redis.call('ZADD', KEYS[1], 0, ARGV[at]) == 1 then
    redis.call('HSET', texts, ARGV[at], ARGV[at + 1])
    kept = kept + #ARGV[at + 1]
  end
end
for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '-', '(' .. ARGV[3])) do
  leave(member)
end
while kept > tonumber(ARGV[4]) do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not first then break end
  leave(first)
end
redis.call('SET', size, kept)
for _, key in ipairs({ KEYS[1], texts, size }) do
  redis.call('PEXPIRE', key, ARGV[5])
end
return kept
