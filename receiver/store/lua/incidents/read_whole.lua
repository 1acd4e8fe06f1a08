#!lua flags=no-writes
-- Read all stored data of an incident, at one moment.
--
-- KEYS[1]  inc:<uid>
-- ARGV     prefix, uid, 1 to include the bodies of its alerts
-- reply    {{state, version, id, past, similar, compressed}, events, fingerprint and record (flat), fingerprint and body
--          (flat), receipts}; missing parts are nil
local p, uid = ARGV[1], ARGV[2]
local bodies = ARGV[3] == '1' and redis.call('HGETALL', p .. 'bodies:' .. uid) or {}
return {
  redis.call('HMGET', KEYS[1], 'state', 'version', 'id', 'past', 'similar', 'compressed'),
  redis.call('LRANGE', p .. 'log:' .. uid, 0, -1), redis.call('HGETALL', p .. 'alerts:' .. uid), bodies,
  redis.call('LRANGE', p .. 'receipts:' .. uid, 0, -1),
}
