#!lua flags=allow-oom
-- Remove references to expired incidents. References that were changed meanwhile stay.
--
-- KEYS[1]  index (not used directly: it only selects the node of a cluster)
-- ARGV     prefix, then for each: key (a hash of uids by name or by uid, a set of uids, or `due:timer`), name, uid
-- reply    number of removed references
local p, dropped, known = ARGV[1], 0, {}
for at = 2, #ARGV, 3 do
  local where, name, uid = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if known[uid] == nil then known[uid] = redis.call('EXISTS', p .. 'inc:' .. uid) == 1 end
  if not known[uid] then
    if where == 'owner' or where == 'rooms' or where == 'ids' then
      if redis.call('HGET', p .. where, name) == uid then dropped = dropped + redis.call('HDEL', p .. where, name) end
    elseif where == 'summaries' then
      dropped = dropped + redis.call('HDEL', p .. where, name)
    elseif where == 'promised' then
      dropped = dropped + redis.call('SREM', p .. where, name)
    else
      dropped = dropped + redis.call('ZREM', p .. where, name)
    end
  end
end
return dropped
