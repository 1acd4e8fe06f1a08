#!lua flags=allow-oom
-- Draw the next moment at which a vendor's quota allows one more call, and keep it for whoever drew it.
--
-- KEYS[1]  commits (not touched: it only says which node of a cluster)
-- ARGV     prefix, now ms, then for each quota: name, ms between two calls, ms that may be drawn ahead of time (the burst),
--          ms that this caller leaves untouched of it for more urgent ones
-- reply    ms to wait: 0: now
--
-- The theoretical arrival time of each quota is kept (GCRA); the latest of them counts for all.
local p, now = ARGV[1], tonumber(ARGV[2])
local at = now
for i = 3, #ARGV, 4 do
  local tat = math.max(tonumber(redis.call('GET', p .. 'pace:' .. ARGV[i]) or '0'), now)
  at = math.max(at, tat - (tonumber(ARGV[i + 2]) - tonumber(ARGV[i + 3])))
end
for i = 3, #ARGV, 4 do
  local key, every = p .. 'pace:' .. ARGV[i], tonumber(ARGV[i + 1])
  local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
  redis.call('SET', key, string.format('%.0f', tat + every), 'PX', math.max(1, math.ceil(tat + every - now)) + 60000)
end
return at - now
