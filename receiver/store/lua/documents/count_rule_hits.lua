#!lua
-- Count alerts by the rule that decided their severity, on one day.
--
-- KEYS[1]  hits:<day>
-- ARGV     lifetime of a day in seconds, then for each rule: name, number of alerts
-- reply    number of rules of the day
for at = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return redis.call('HLEN', KEYS[1])
