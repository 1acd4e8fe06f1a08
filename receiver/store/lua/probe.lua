#!lua
-- Write something that changes nothing, because a read-only or full server refuses it.
--
-- KEYS[1]  fence
-- reply    "ok"
redis.call('SET', KEYS[1], '1')
return 'ok'
