#!lua
-- Write something that changes nothing: a server that is read-only or full refuses it.
--
-- KEYS[1]  fence
-- reply    "ok"
redis.call('SET', KEYS[1], '1')
return 'ok'
