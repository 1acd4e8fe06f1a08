#!lua
-- Restore a finished incident completely, or write nothing.
--
-- KEYS[1]  inc:<uid>
-- ARGV[1]  header, JSON: prefix, uid, id, version, past, opened (ms), ttl (s), now (ms), remind (ms; 0: never), number = {prefix, number}, promised (bool),
--          keys = [correlation, ...], n = {events, alerts, bodies, receipts}
-- ARGV[2]  state, JSON
-- ARGV[3..] events, then fingerprint and record of alerts, fingerprint and body of bodies, receipts
-- reply    "restored" | "known" (it already exists) | "taken" (another incident has its id)
local h = cjson.decode(ARGV[1])
local p = h.prefix
if redis.call('EXISTS', KEYS[1]) == 1 then return 'known' end
local other = redis.call('HGET', p .. 'ids', h.id)
if other and other ~= h.uid and redis.call('EXISTS', p .. 'inc:' .. other) == 1 then return 'taken' end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'version', h.version, 'id', h.id, 'past', h.past, 'restored', h.now)
local at = 3
local function put(command, key, count, width)
  for i = at, at + count * width - 1, 500 * width do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 500 * width, at + count * width) - 1))
  end
  at = at + count * width
end
for _, name in ipairs({'log:', 'alerts:', 'bodies:', 'receipts:'}) do redis.call('DEL', p .. name .. h.uid) end
put('RPUSH', p .. 'log:' .. h.uid, h.n.events, 1)
put('HSET', p .. 'alerts:' .. h.uid, h.n.alerts, 2)
put('HSET', p .. 'bodies:' .. h.uid, h.n.bodies, 2)
put('RPUSH', p .. 'receipts:' .. h.uid, h.n.receipts, 1)
for _, name in ipairs({'inc:', 'log:', 'alerts:', 'bodies:', 'receipts:'}) do
  redis.call('EXPIRE', p .. name .. h.uid, h.ttl)
end
redis.call('HSET', p .. 'ids', h.id, h.uid)
redis.call('ZADD', p .. 'index', h.opened, h.uid)
if h.remind > 0 then redis.call('ZADD', p .. 'due:timer', h.remind, h.uid .. ' promises') end
if h.promised then redis.call('SADD', p .. 'promised', h.uid) end
-- An open or newer incident keeps the key.
for _, key in ipairs(h.keys) do redis.call('SET', p .. 'key:' .. key, h.uid, 'NX', 'EX', h.ttl) end
if #h.number == 2 then
  local counter = p .. 'number:' .. h.number[1]
  if tonumber(redis.call('GET', counter) or '0') < h.number[2] then redis.call('SET', counter, h.number[2]) end
end
redis.call('ZADD', p .. 'changed', redis.call('INCR', p .. 'commits'), h.uid)
return 'restored'
