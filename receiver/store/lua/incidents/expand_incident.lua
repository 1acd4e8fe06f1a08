#!lua flags=allow-oom
-- Restore the keys of a compressed incident, unless another replica has done so.
--
-- KEYS[1]  inc:<uid>
-- ARGV[1]  header, JSON: prefix, uid, past, similar, n = {events, alerts, bodies}
-- ARGV[2]  the compressed text as it was read
-- ARGV[3]  state, JSON
-- ARGV[4..] events, then fingerprint and record of alerts, fingerprint and body of bodies
-- reply    1, or 0 if it is no longer compressed, or compressed differently
local h = cjson.decode(ARGV[1])
local p = h.prefix
if redis.call('HGET', KEYS[1], 'compressed') ~= ARGV[2] then return 0 end
local at = 4
local function put(command, name, count, width)
  local key = p .. name .. h.uid
  for i = at, at + count * width - 1, 500 * width do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 500 * width, at + count * width) - 1))
  end
  at = at + count * width
end
put('RPUSH', 'log:', h.n.events, 1)
put('HSET', 'alerts:', h.n.alerts, 2)
put('HSET', 'bodies:', h.n.bodies, 2)
redis.call('HSET', KEYS[1], 'state', ARGV[3])
if h.past ~= '' then redis.call('HSET', KEYS[1], 'past', h.past) end
if h.similar ~= '' then redis.call('HSETNX', KEYS[1], 'similar', h.similar) end -- the index may have a newer one
redis.call('HDEL', KEYS[1], 'compressed')
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
  for _, name in ipairs({'log:', 'alerts:', 'bodies:'}) do redis.call('PEXPIRE', p .. name .. h.uid, left) end
end
return 1
