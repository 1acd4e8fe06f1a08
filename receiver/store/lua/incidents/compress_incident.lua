#!lua flags=allow-oom
-- Keep an incident that is over as one compressed text instead of its keys, unless it has changed since it was read.
--
-- KEYS[1]  inc:<uid>
-- ARGV     prefix, uid, version, how many events, alerts and bodies were read, similar as it was read, the text
-- reply    1, or 0 where it has changed, is open, is compressed, or another one was opened in its place
local p, uid = ARGV[1], ARGV[2]
local row = redis.call('HMGET', KEYS[1], 'version', 'compressed', 'superseded', 'past', 'similar')
if row[1] ~= ARGV[3] or (row[5] or '') ~= ARGV[7] or row[2] or row[3] or redis.call('ZSCORE', p .. 'open', uid) then return 0 end
local log, alerts, bodies = p .. 'log:' .. uid, p .. 'alerts:' .. uid, p .. 'bodies:' .. uid
-- After a store has lost commits, the same version may be another one.
if redis.call('LLEN', log) ~= tonumber(ARGV[4]) then return 0 end
if redis.call('HLEN', alerts) ~= tonumber(ARGV[5]) or redis.call('HLEN', bodies) ~= tonumber(ARGV[6]) then return 0 end
redis.call('HSET', KEYS[1], 'compressed', ARGV[8])
redis.call('HDEL', KEYS[1], 'state', 'similar')
-- Of a private incident it stays: count_fired.lua asks it who sees the incident.
if row[4] and not string.find(row[4], '"private":[', 1, true) then redis.call('HDEL', KEYS[1], 'past') end
redis.call('DEL', log, alerts, bodies)
return 1
