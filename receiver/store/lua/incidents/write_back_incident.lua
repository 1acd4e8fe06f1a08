#!lua
-- Write back an incident that the store has lost, or has in an older version, completely or not at all.
--
-- KEYS[1]  inc:<uid>
-- ARGV[1]  header, JSON: prefix, uid, id, version, past, opened (ms), now (ms), ttl (s), open (bool), promised (bool),
--          summary (JSON or ""), keys = [correlation, ...], owners = [fingerprint, ...],
--          parent = [uid, severity rank] or [] (the storm that holds it), split (its correlation key if it was split off, or
--          ""), timers = [[member, ms or 0], ...], pages and informs = [[member, lane, destination JSON], ...], seq,
--          number = {prefix, width, suffix}, lean (bool: the text of its alerts is unknown, and the stored text stays),
--          n = {events, alerts, bodies}
-- ARGV[2]  state, JSON
-- ARGV[3..] events, then fingerprint and record of alerts, fingerprint and body of bodies
-- reply    its id, or "" if the store has this version or a later one
local h = cjson.decode(ARGV[1])
local p = h.prefix
if (tonumber(redis.call('HGET', KEYS[1], 'version') or '0') or h.version) >= h.version then return '' end
local id = h.id
local other = redis.call('HGET', p .. 'ids', id)
if other and other ~= h.uid and redis.call('EXISTS', p .. 'inc:' .. other) == 1 then
  id = h.number[1] .. string.format('%0' .. h.number[2] .. 'd', redis.call('INCR', p .. 'number:' .. h.number[1])) .. h.number[3]
end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'version', h.version, 'id', id)
redis.call('HDEL', KEYS[1], 'compressed', 'past')
if h.past ~= '' then redis.call('HSET', KEYS[1], 'past', h.past) end
redis.call('HSET', p .. 'ids', id, h.uid)
redis.call('ZADD', p .. 'index', h.opened, h.uid)
if h.promised then redis.call('SADD', p .. 'promised', h.uid) end
for _, name in ipairs({'log:', 'alerts:'}) do redis.call('DEL', p .. name .. h.uid) end
if not h.lean then redis.call('DEL', p .. 'bodies:' .. h.uid) end
local at = 3
local function put(command, key, count, width)
  for i = at, at + count * width - 1, 500 * width do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 500 * width, at + count * width) - 1))
  end
  at = at + count * width
end
put('RPUSH', p .. 'log:' .. h.uid, h.n.events, 1)
put('HSET', p .. 'alerts:' .. h.uid, h.n.alerts, 2)
put('HSET', p .. 'bodies:' .. h.uid, h.n.bodies, 2)
for _, name in ipairs({'inc:', 'log:', 'alerts:', 'bodies:', 'receipts:'}) do
  redis.call('EXPIRE', p .. name .. h.uid, h.ttl)
end
local function open(uid) return redis.call('ZSCORE', p .. 'open', uid) end
for _, key in ipairs(h.keys) do
  local led = redis.call('GET', p .. 'key:' .. key)
  if not led or led == h.uid or (h.open and not open(led)) then
    redis.call('SET', p .. 'key:' .. key, h.uid, 'EX', h.ttl)
  end
end
if h.open then
  redis.call('ZADD', p .. 'open', h.opened, h.uid)
  if h.summary ~= '' then redis.call('HSET', p .. 'summaries', h.uid, h.version .. ' ' .. h.summary) end
  for _, name in ipairs(h.owners) do
    local owner = redis.call('HGET', p .. 'owner', name)
    if not owner or not open(owner) then redis.call('HSET', p .. 'owner', name, h.uid) end
    if h.split ~= '' then redis.call('HSET', p .. 'apart', name, h.uid .. ' ' .. h.split) end
  end
  if h.split ~= '' then redis.call('EXPIRE', p .. 'apart', h.ttl) end
  if #h.parent > 0 then
    redis.call('HSET', p .. 'children:' .. h.parent[1], h.uid, h.parent[2])
    redis.call('EXPIRE', p .. 'children:' .. h.parent[1], h.ttl)
  end
else
  redis.call('ZREM', p .. 'open', h.uid)
  redis.call('HDEL', p .. 'summaries', h.uid)
  for i = 3 + h.n.events, 2 + h.n.events + h.n.alerts * 2, 2 do
    if redis.call('HGET', p .. 'owner', ARGV[i]) == h.uid then redis.call('HDEL', p .. 'owner', ARGV[i]) end
  end
end
for _, timer in ipairs(h.timers) do
  if timer[2] > 0 then redis.call('ZADD', p .. 'due:timer', timer[2], timer[1])
  else redis.call('ZREM', p .. 'due:timer', timer[1]) end
end
-- Its pages are assumed to have been sent: the newest state follows them, without a trigger.
for _, row in ipairs(h.pages) do
  local key = p .. 'row:' .. row[1]
  local ok, memory = pcall(cjson.decode, redis.call('HGET', key, 'memory') or '{}')
  if not ok or type(memory) ~= 'table' then memory = {} end
  if not memory.sent then memory.sent = 'trigger' end
  memory.rung = true
  redis.call('HSET', key, 'uid', h.uid, 'lane', row[2], 'to', row[3], 'last', h.seq, 'memory', cjson.encode(memory), 'until', 0, 'token', '')
  redis.call('HSET', key, 'since', h.now)
  redis.call('EXPIRE', key, h.ttl)
  redis.call('ZADD', p .. 'due:' .. row[2], h.now, row[1])
end
-- Messages that were already sent are not sent again.
for _, row in ipairs(h.informs) do
  local key = p .. 'row:' .. row[1]
  redis.call('HSET', key, 'uid', h.uid, 'lane', row[2], 'to', row[3], 'last', h.seq, 'cursor', h.seq)
  redis.call('EXPIRE', key, h.ttl)
  redis.call('ZREM', p .. 'due:' .. row[2], row[1])
end
redis.call('ZADD', p .. 'changed', redis.call('INCR', p .. 'commits'), h.uid)
redis.call('SADD', p .. 'recovered', id)
redis.call('EXPIRE', p .. 'recovered', 3600)
return id
