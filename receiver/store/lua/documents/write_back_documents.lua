#!lua
-- Write a replica's shared documents back if the store's are older.
--
-- KEYS[1]  board
-- ARGV     key of the revision, the revision, then name and JSON of each document
-- reply    1, or 0 if the store's documents are as new
if tonumber(redis.call('GET', ARGV[1]) or '0') >= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('SET', ARGV[1], ARGV[2])
return 1
