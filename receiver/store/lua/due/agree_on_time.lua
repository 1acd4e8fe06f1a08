#!lua
-- Agree on another time, unless another replica has done so since it was read.
--
-- KEYS[1]  clock
-- ARGV     offset and steps as they were read, then the new values: offset, shown, slewed, steps (ms, a count)
-- reply    1, or 0 if another replica was faster
local was = redis.call('HMGET', KEYS[1], 'offset', 'steps')
if (was[1] or '0') ~= ARGV[1] or (was[2] or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'shown', ARGV[4], 'slewed', ARGV[5], 'steps', ARGV[6])
return 1
