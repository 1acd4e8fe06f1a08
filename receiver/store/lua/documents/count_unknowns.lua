#!lua
-- Count values that severity decisions could not use; if there are too many, the least recent entries are removed.
--
-- KEYS[1]  unknowns
-- ARGV     maximum number of entries, then for each: field, JSON of the last occurrence, count, time of the first occurrence
-- reply    number of entries
for at = 2, #ARGV, 4 do
  local entry = cjson.decode(ARGV[at + 1])
  local count, first = tonumber(ARGV[at + 2]), ARGV[at + 3]
  local was = redis.call('HGET', KEYS[1], ARGV[at])
  if was then
    local old = cjson.decode(was)
    count = count + old.count
    first = old.first
    if old.last > entry.last then entry = old end
  end
  entry.count = count
  entry.first = first
  redis.call('HSET', KEYS[1], ARGV[at], cjson.encode(entry))
end
local over = redis.call('HLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  local all, found = redis.call('HGETALL', KEYS[1]), {}
  for at = 1, #all, 2 do
    found[#found + 1] = { cjson.decode(all[at + 1]).last, all[at] }
  end
  table.sort(found, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for at = 1, over do
    redis.call('HDEL', KEYS[1], found[at][2])
  end
end
return redis.call('HLEN', KEYS[1])
