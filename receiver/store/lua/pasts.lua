#!lua flags=no-writes
-- Read what is kept of many incidents for figures: one command for all of them costs a third of one for each.
--
-- KEYS[1]  index
-- ARGV     prefix, uids...
-- reply    {id, past (JSON) ...}, flat; incidents that are gone are left out
local found = {}
for i = 2, #ARGV do
  local row = redis.call('HMGET', ARGV[1] .. 'inc:' .. ARGV[i], 'id', 'past')
  if row[1] and row[2] then found[#found + 1] = row[1]; found[#found + 1] = row[2] end
end
return found
