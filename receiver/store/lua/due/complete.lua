#!lua flags=allow-oom
-- Record the result of sending one leased row. It also works if the memory is full.
--
-- KEYS[1]  row:<member>
-- ARGV     prefix, member, token, outcome (done | again | parked | later: not attempted), now ms, last sent seq, memory JSON or "",
--          receipt JSON or "", next attempt at ms, 1 if the vendor requested that wait, dead letter JSON or "",
--          1 if a trigger was sent
-- reply    "done" | "more" (something new arrived meanwhile) | "again" | "parked" | "lost" (another replica has the lease now)
local p, member, outcome, now = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[5])
local row = redis.call('HMGET', KEYS[1], 'token', 'lane', 'last', 'uid', 'until')
-- A trigger sent under an ended lease may have arrived after the next owner's resolve: the row is due again, as one
-- whose trigger was sent, so that the newest state follows it.
local function follow_trigger()
  local ok, memory = pcall(cjson.decode, redis.call('HGET', KEYS[1], 'memory') or '{}')
  if not ok or type(memory) ~= 'table' then memory = {} end
  memory.sent, memory.rung = 'trigger', true
  redis.call('HSET', KEYS[1], 'memory', cjson.encode(memory))
  redis.call('HDEL', KEYS[1], 'stray')
  redis.call('ZADD', p .. 'due:' .. row[2], now, member)
end
-- The vendor's response is stored, regardless of which replica has the lease now.
local function keep_receipt()
  if ARGV[8] == '' or not row[4] or row[4] == '' then return end
  redis.call('RPUSH', p .. 'receipts:' .. row[4], ARGV[8])
  redis.call('LTRIM', p .. 'receipts:' .. row[4], -500, -1)
  local left = redis.call('TTL', p .. 'inc:' .. row[4])
  if left > 0 then redis.call('EXPIRE', p .. 'receipts:' .. row[4], left) end
end
if row[1] ~= ARGV[3] then
  if ARGV[12] == '1' and row[2] then
    keep_receipt() -- it was sent, regardless of who has the lease now
    if tonumber(row[5] or '0') > now then redis.call('HSET', KEYS[1], 'stray', 1) else follow_trigger() end
  end
  return 'lost'
end
local due = p .. 'due:' .. row[2]
redis.call('HSET', KEYS[1], 'until', 0, 'token', '')
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'memory', ARGV[7]) end
keep_receipt()
if outcome == 'done' then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[6], 'attempts', 0, 'tries', 0, 'since', now)
  redis.call('HDEL', KEYS[1], 'wait')
  if tonumber(row[3]) > tonumber(ARGV[6]) then
    redis.call('ZADD', due, now, member)
    if redis.call('HEXISTS', KEYS[1], 'stray') == 1 then follow_trigger() end
    return 'more'
  end
  redis.call('ZREM', due, member)
  if redis.call('HEXISTS', KEYS[1], 'stray') == 1 then
    follow_trigger()
    return 'more'
  end
  return 'done'
end
if outcome == 'later' then
  redis.pcall('HINCRBY', KEYS[1], 'tries', -1)
  if ARGV[10] == '1' then redis.call('HSET', KEYS[1], 'wait', ARGV[9]) end
  redis.call('ZADD', due, tonumber(ARGV[9]), member)
  return 'again'
end
-- A count in the format of a later version starts again.
if type(redis.pcall('HINCRBY', KEYS[1], 'attempts', 1)) == 'table' then redis.call('HSET', KEYS[1], 'attempts', 1) end
if outcome == 'again' then
  if ARGV[10] == '1' then redis.call('HSET', KEYS[1], 'wait', ARGV[9]) end
  redis.call('ZADD', due, tonumber(ARGV[9]), member)
  return 'again'
end
redis.call('ZREM', due, member)
redis.call('HSET', KEYS[1], 'parked', now)
redis.call('HSET', p .. 'dead', member, ARGV[11])
return 'parked'
