#!lua flags=allow-oom
-- Delete an incident from the store, unless it has changed since it was archived.
--
-- KEYS[1]  inc:<uid>
-- ARGV     prefix, uid, id, version
-- reply    1 if it was deleted, 0 if it has changed
local p, uid = ARGV[1], ARGV[2]
local version = redis.call('HGET', KEYS[1], 'version')
if version and version ~= ARGV[4] then return 0 end
for _, name in ipairs({'inc:', 'log:', 'alerts:', 'bodies:', 'receipts:', 'children:'}) do redis.call('DEL', p .. name .. uid) end
for _, name in ipairs({'index', 'uncounted', 'open', 'changed'}) do redis.call('ZREM', p .. name, uid) end
redis.call('SREM', p .. 'promised', uid)
redis.call('HDEL', p .. 'summaries', uid)
if redis.call('HGET', p .. 'ids', ARGV[3]) == uid then redis.call('HDEL', p .. 'ids', ARGV[3]) end
return 1
