#!lua flags=allow-oom
-- Replace the keys of a finished incident with one compressed text, unless it has changed since it was read.
--
-- KEYS[1]  inc:<uid>
-- ARGV     prefix, uid, version, number of events, alerts and bodies that were read, similar as it was read, the text
-- reply    1, or 0 if it has changed, is open, is compressed, or another one was opened in its place
local p, uid = ARGV[1], ARGV[2]
local row = redis.call('HMGET', KEYS[1], 'version', 'compressed', 'superseded', 'past', 'similar')
if row[1] ~= ARGV[3] or (row[5] or '') ~= ARGV[7] or row[2] or row[3] or redis.call('ZSCORE', p .. 'open', uid) then return 0 end
local log, alerts, bodies = p .. 'log:' .. uid, p .. 'alerts:' .. uid, p .. 'bodies:' .. uid
-- After a store has lost commits, the same version may have different content.
if redis.call('LLEN', log) ~= tonumber(ARGV[4]) then return 0 end
if redis.call('HLEN', alerts) ~= tonumber(ARGV[5]) or redis.call('HLEN', bodies) ~= tonumber(ARGV[6]) then return 0 end
redis.call('HSET', KEYS[1], 'compressed', ARGV[8])
redis.call('HDEL', KEYS[1], 'state', 'similar')
-- For a private incident it stays, because count_fired.lua reads from it who can see the incident.
if row[4] and not string.find(row[4], '"private":[', 1, true) then redis.call('HDEL', KEYS[1], 'past') end
redis.call('DEL', log, alerts, bodies)
return 1
