#!lua flags=allow-oom
-- Allow a call if the quotas of its vendor permit it now; otherwise return when to check again.
--
-- KEYS[1]  commits (not used: it only selects the node of a cluster)
-- ARGV     prefix, now ms, the caller's slot from the previous check (0: none), the longest wait,
--          then for each quota: name, calls, within ms, calls reserved for others, calls that this one makes, rank,
--          calls reserved for others while no more urgent call was made recently
-- reply    {ms to wait, slot}; a wait of 0 means now, and the call is counted
--
-- paced:<quota> has the calls in the period; queued:<quota>:<rank> the slot after the last assigned one;
-- waiting:<quota>:<rank> the latest time at which a call of that rank is checked again; went:<quota>:<rank> the last
-- call of that rank (recently: within ten seconds). A call is counted only when it is allowed: more urgent calls go
-- first at any time, and an abandoned slot leaves no gap.
local p, now, turn, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fresh, at, denied = turn == 0, now, {}
for i = 5, #ARGV, 7 do
  local name, within = ARGV[i], tonumber(ARGV[i + 2])
  local cost, rank = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  local left = tonumber(ARGV[i + 6])
  for other = 0, rank - 1 do
    local went = tonumber(redis.call('GET', p .. 'went:' .. name .. ':' .. other) or '0')
    if now - went < 10000 then left = tonumber(ARGV[i + 3]) end
  end
  local room, calls, mine = math.max(cost, tonumber(ARGV[i + 1]) - left), p .. 'paced:' .. name, now
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - within)
  local over = redis.call('ZCARD', calls) + cost - room
  if over > 0 then
    mine = tonumber(redis.call('ZRANGE', calls, over - 1, over - 1, 'WITHSCORES')[2]) + within
  end
  for other = 0, rank - 1 do
    mine = math.max(mine, tonumber(redis.call('GET', p .. 'waiting:' .. name .. ':' .. other) or '0'))
  end
  local queue = p .. 'queued:' .. name .. ':' .. rank
  if fresh then mine = math.max(mine, tonumber(redis.call('GET', queue) or '0')) end
  if mine > now then
    denied[#denied + 1] = {queue, mine + within * cost / room, p .. 'waiting:' .. name .. ':' .. rank}
  end
  at = math.max(at, mine)
end
if at > now then
  if fresh then turn = at end
  local wait = math.ceil(math.max(at, turn) - now)
  -- Distant slots are checked again earlier, each at its own time, because other calls may have been abandoned.
  if wait > most then wait = math.ceil(most / 2 + wait % (most / 2)) end
  for _, one in ipairs(denied) do
    local left = math.ceil(one[2] - now)
    if fresh then redis.call('SET', one[1], string.format('%.0f', one[2]), 'PX', math.max(1, left)) end
    local known = tonumber(redis.call('GET', one[3]) or '0')
    if now + wait > known then redis.call('SET', one[3], string.format('%.0f', now + wait), 'PX', wait) end
  end
  return {wait, math.ceil(turn)}
end
local count = redis.call('INCR', p .. 'calls')
for i = 5, #ARGV, 7 do
  local calls = p .. 'paced:' .. ARGV[i]
  for n = 1, tonumber(ARGV[i + 4]) do redis.call('ZADD', calls, now, count .. ':' .. n) end
  redis.call('PEXPIRE', calls, tonumber(ARGV[i + 2]) + 60000)
  redis.call('SET', p .. 'went:' .. ARGV[i] .. ':' .. ARGV[i + 5], string.format('%.0f', now), 'PX', 60000)
end
return {0, 0}
