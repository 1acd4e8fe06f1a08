#!lua
-- Add rows that belong to no incident, or none of them if the request was carried out before.
--
-- KEYS[1]  commits (not used: it only selects the node of a cluster)
-- ARGV     prefix, now ms, idempotency key or "", the text stored with it, then for each row: member, lane, destination JSON,
--          memory JSON, pacing key or "": one row is added per key and minute
-- reply    1 if rows were added, 0 if they were added before, -1 if the key was stored with another text; then
--          the indexes, from 0, of the rows that were too early and were not added
local p, now = ARGV[1], tonumber(ARGV[2])
local once = ARGV[3] ~= '' and p .. 'once:' .. ARGV[3]
if once then
  local before = redis.call('GET', once)
  if before then return {cjson.decode(before)[4] == ARGV[4] and 0 or -1} end
end
local reply, made = {1}, 0
for i = 5, #ARGV, 5 do
  local paced = ARGV[i + 4] ~= '' and p .. 'called:' .. ARGV[i + 4]
  local last = paced and tonumber(redis.call('GET', paced) or '')
  if last and now - last < 60000 then
    reply[#reply + 1] = (i - 5) / 5
  else
    if paced then redis.call('SET', paced, now, 'EX', 120) end
    local key = p .. 'row:' .. ARGV[i]
    redis.call('HSET', key, 'uid', '', 'lane', ARGV[i + 1], 'to', ARGV[i + 2], 'last', 1, 'cursor', 0, 'memory', ARGV[i + 3], 'since', now)
    redis.call('EXPIRE', key, 604800)
    redis.call('ZADD', p .. 'due:' .. ARGV[i + 1], now, ARGV[i])
    made = made + 1
  end
end
-- A request that added nothing may be repeated.
if once and made > 0 then redis.call('SET', once, cjson.encode({'', '', 0, ARGV[4]}), 'EX', 604800) end
return reply
