#!lua flags=no-writes
-- Read the review records of many incidents: one command for all costs a third of one command for each.
--
-- KEYS[1]  index
-- ARGV     prefix, uids...
-- reply    {uid, id, past (JSON; if it has none, the compressed incident or its state) ...}, flat; incidents that no
--          longer exist are left out
local found = {}
for i = 2, #ARGV do
  local row = redis.call('HMGET', ARGV[1] .. 'inc:' .. ARGV[i], 'id', 'past', 'compressed', 'state')
  if row[1] then
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = ARGV[i], row[1], row[2] or row[3] or row[4] or ''
  end
end
return found
