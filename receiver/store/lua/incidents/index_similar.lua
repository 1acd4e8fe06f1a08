#!lua
-- Add incidents to the index of similar incidents, and record the last indexed commit. It is idempotent.
--
-- KEYS[1]  similar
-- ARGV[1]  header, JSON: prefix, upto (number of the last indexed commit), ttl (s), oldest (ms: incidents that opened
--          before then are removed from the lists), listed (maximum incidents per term, the newest), fired_since (ms),
--          items = [[uid, opened (ms), record or "" (the incident is open or must not be found), fired (term or ""), [term, ...]], ...]
-- reply    number of newly added incidents
local h = cjson.decode(ARGV[1])
local p, added = h.prefix, 0
for _, item in ipairs(h.items) do
  local uid, opened, record, fired, terms = item[1], item[2], item[3], item[4], item[5]
  local here = p .. 'inc:' .. uid
  if redis.call('EXISTS', here) == 1 then
    if fired ~= '' then
      local key = p .. 'fired:' .. fired
      redis.call('ZADD', key, opened, uid)
      redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%.0f', h.fired_since))
      redis.call('ZREMRANGEBYRANK', key, 0, -1001)
      redis.call('EXPIRE', key, 2764800)
    end
    if record == '' then redis.call('HDEL', here, 'similar')
    else
      if redis.call('HSET', here, 'similar', record) == 1 then added = added + 1 end
      for _, term in ipairs(terms) do
        local key = p .. 'like:' .. term
        -- The member # counts the incidents with the term, including those removed from the list. Its score is below
        -- that of any time.
        if redis.call('ZADD', key, opened, uid) == 1 then redis.call('ZINCRBY', key, 1, '#') end
        redis.call('ZREMRANGEBYSCORE', key, 1000000000, '(' .. string.format('%.0f', h.oldest))
        redis.call('ZREMRANGEBYRANK', key, 1, -(h.listed + 1))
        redis.call('EXPIRE', key, h.ttl)
      end
    end
  end
end
if added > 0 then redis.call('HINCRBY', KEYS[1], 'count', added) end
redis.call('HSET', KEYS[1], 'upto', string.format('%.0f', h.upto))
return added
