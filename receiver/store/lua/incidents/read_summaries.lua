#!lua flags=no-writes
-- Read the summary of each incident if it is of the current version, else the snapshot.
--
-- KEYS[1]  summaries
-- ARGV     prefix, uids... (at most some hundreds)
-- reply    {uid, id, version, summary or "", state (or the compressed incident) or ""} for each that exists, flat
--
-- A release without summaries writes a snapshot only: then the version before the summary's text is older.
local p = ARGV[1]
local found = {}
if #ARGV == 1 then return found end
local texts = redis.call('HMGET', KEYS[1], unpack(ARGV, 2))
for i = 2, #ARGV do
  local key = p .. 'inc:' .. ARGV[i]
  local row = redis.call('HMGET', key, 'id', 'version')
  if row[2] then
    local version, text = (texts[i - 1] or ''):match('^(%d+) (.*)$')
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = ARGV[i], row[1], row[2]
    if version == row[2] then
      found[at + 4], found[at + 5] = text, ''
    else
      local whole = redis.call('HMGET', key, 'state', 'compressed')
      found[at + 4], found[at + 5] = '', whole[1] or whole[2] or ''
    end
  end
end
return found
