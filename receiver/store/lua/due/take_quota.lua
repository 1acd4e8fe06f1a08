#!lua flags=allow-oom
-- Let a call through if the quotas of its vendor allow it now; otherwise tell when to ask again.
--
-- KEYS[1]  commits (not touched: it only says which node of a cluster)
-- ARGV     prefix, now ms, the turn that the caller was given before (0: none), the longest wait,
--          then for each quota: name, calls, within ms, calls left to others, calls that this one makes, rank,
--          calls left to others while nothing more urgent has gone of late
-- reply    {ms to wait, turn}: a wait of 0: now, and it is counted
--
-- paced:<quota> holds the calls of the time; queued:<quota>:<rank> the turn behind the last one that was given;
-- waiting:<quota>:<rank> until when somebody of that rank asks again at the latest; went:<quota>:<rank> when the
-- last of that rank went: of late is within ten seconds. Nothing is counted before it is let through: what is more
-- urgent goes first at any time, and whoever needs no turn any more leaves no gap.
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
  -- Turns far off are asked for again meanwhile, each at a time of its own: others may have gone.
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
