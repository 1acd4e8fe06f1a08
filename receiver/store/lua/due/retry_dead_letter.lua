#!lua flags=allow-oom
-- Retry a dead letter, or drop it.
--
-- KEYS[1]  dead
-- ARGV     prefix, member, now ms, 1 to retry (0: to drop it)
-- reply    1, 0 if there was none, -1 if nothing is left to send: the dead letter stays until it is dropped
local p, member = ARGV[1], ARGV[2]
if ARGV[4] ~= '1' then return redis.call('HDEL', KEYS[1], member) end
if redis.call('HEXISTS', KEYS[1], member) == 0 then return 0 end
local key = p .. 'row:' .. member
local lane = redis.call('HGET', key, 'lane')
if not lane then return -1 end -- its incident is no longer in the history
redis.call('HDEL', KEYS[1], member)
redis.call('HDEL', key, 'parked', 'wait')
redis.call('HSET', key, 'attempts', 0, 'since', ARGV[3], 'until', 0, 'token', '')
redis.call('ZADD', p .. 'due:' .. lane, ARGV[3], member)
return 1
