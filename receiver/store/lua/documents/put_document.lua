#!lua
-- Store or remove a shared document, and increase the revision if something has changed.
--
-- KEYS[1]  board
-- ARGV     key of the revision, name (kind/id), JSON or "" to remove it, 1: only if it does not exist, maximum documents
-- reply    "ok" | "same" (it did not exist, nothing has changed, or it already exists) | "full"
local was = redis.call('HGET', KEYS[1], ARGV[2])
if ARGV[3] == '' then
  if not was then return 'same' end
  redis.call('HDEL', KEYS[1], ARGV[2])
else
  if was and (ARGV[4] == '1' or was == ARGV[3]) then return 'same' end
  if not was and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 'full' end
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('INCR', ARGV[1])
return 'ok'
