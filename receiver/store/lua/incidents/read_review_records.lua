#!lua flags=no-writes
-- Read what is kept of many incidents for figures: one command for all of them costs a third of one for each.
--
-- KEYS[1]  index
-- ARGV     prefix, uids...
-- reply    {uid, id, past (JSON; where it has none, the incident compressed or its state) ...}, flat; incidents that are gone
--          are left out
local found = {}
for i = 2, #ARGV do
  local row = redis.call('HMGET', ARGV[1] .. 'inc:' .. ARGV[i], 'id', 'past', 'compressed', 'state')
  if row[1] then
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = ARGV[i], row[1], row[2] or row[3] or row[4] or ''
  end
end
return found
