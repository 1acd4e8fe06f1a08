#!lua
-- Begin or continue to restore data that the store has lost: until it is finished, no replica claims due work.
--
-- KEYS[1]  memory
-- ARGV     prefix, a new epoch, the last commit that the replica knows, until when (ms), then the epochs that it knows:
--          one of them in the store means an older file
-- reply    the current epoch: the new one, unless another replica has already begun
local p = ARGV[1]
local was = redis.call('HMGET', KEYS[1], 'epoch', 'until')
local epoch = was[1] or ''
local known = epoch == ''
for i = 5, #ARGV do known = known or epoch == ARGV[i] end
if known then
  epoch = ARGV[2]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
  redis.call('DEL', p .. 'recovered')
end
if tonumber(redis.call('GET', p .. 'commits') or '0') < tonumber(ARGV[3]) then
  redis.call('SET', p .. 'commits', ARGV[3])
end
if tonumber(ARGV[4]) > (tonumber(was[2] or '0') or 0) then redis.call('HSET', KEYS[1], 'until', ARGV[4]) end
return epoch
