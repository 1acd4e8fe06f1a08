#!lua flags=no-writes
-- Count the incidents that an alert has opened lately; of those that are private, read what tells who sees them.
--
-- KEYS[1]  fired:<term>
-- ARGV     prefix, since (ms), most, day (ms), uid (of an incident that is not counted)
-- reply    {how many that are not private have opened since, how many of these since `day`,
--          opened (ms), past of each private one, ...}; incidents that are gone are left out
local count, day, found = 0, 0, {0, 0}
local rows = redis.call('ZRANGE', KEYS[1], '+inf', ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, tonumber(ARGV[3]), 'WITHSCORES')
for i = 1, #rows, 2 do
  local row = rows[i] ~= ARGV[5] and redis.call('HMGET', ARGV[1] .. 'inc:' .. rows[i], 'past', 'version') or {}
  local past = row[1]
  -- A quotation mark inside of a text has a backslash before it. A private incident has a record, open or compressed.
  if past and string.find(past, '"private":[', 1, true) then
    found[#found + 1] = rows[i + 1]
    found[#found + 1] = past
  elseif past or row[2] then
    count = count + 1
    if tonumber(rows[i + 1]) > tonumber(ARGV[4]) then day = day + 1 end
  end
end
found[1], found[2] = count, day
return found
