#!lua flags=no-writes
-- Count the incidents that an alert has opened recently; for private ones, read who can see them.
--
-- KEYS[1]  fired:<term>
-- ARGV     prefix, since (ms), most, day (ms), uid (of an incident that is excluded)
-- reply    {number of incidents opened since then that are not private, number of these since `day`,
--          opened (ms), past of each private one, ...}; incidents that no longer exist are left out
local count, day, found = 0, 0, {0, 0}
local rows = redis.call('ZRANGE', KEYS[1], '+inf', ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, tonumber(ARGV[3]), 'WITHSCORES')
for i = 1, #rows, 2 do
  local row = rows[i] ~= ARGV[5] and redis.call('HMGET', ARGV[1] .. 'inc:' .. rows[i], 'past', 'version') or {}
  local past = row[1]
  -- A quotation mark inside a text is escaped with a backslash. A private incident has a record, open or compressed.
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
