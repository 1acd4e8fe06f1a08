#!lua
-- Read changes since the index of similar incidents was last written, for the one replica that has the turn.
--
-- KEYS[1]  similar
-- ARGV     prefix, most (incidents), turn (ms for which no other replica gets an answer), sample (alerts of a large
--          incident), name of the replica
-- reply    {} if another replica has the turn, else {the number of the last commit that was read,
--          {uid, id, version, past (if it has none, its state), state ("" while it is open), {fingerprint, record, ...}},
--          ...}; for a compressed incident, the compressed text replaces state, past and records
local p, most, sample = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local turn = redis.call('GET', p .. 'similar:turn')
if turn and turn ~= ARGV[5] then return {} end
redis.call('SET', p .. 'similar:turn', ARGV[5], 'PX', ARGV[3])
local upto = tonumber(redis.call('HGET', KEYS[1], 'upto') or '0') or 0
-- A store that has lost its data counts commits from the start.
if upto > (tonumber(redis.call('GET', p .. 'commits') or '0') or 0) then upto = 0 end
local rows = redis.call('ZRANGE', p .. 'changed', '(' .. string.format('%.0f', upto), '+inf', 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
local found = {rows[#rows] or string.format('%.0f', upto)}
for i = 1, #rows, 2 do
  local uid = rows[i]
  local row = redis.call('HMGET', p .. 'inc:' .. uid, 'id', 'version', 'past', 'state', 'compressed')
  if row[1] then
    local state, alerts = '', {}
    if not redis.call('ZSCORE', p .. 'open', uid) then
      state = row[4] or row[5] or ''
      if redis.call('HLEN', p .. 'alerts:' .. uid) <= sample then alerts = redis.call('HGETALL', p .. 'alerts:' .. uid)
      else alerts = redis.call('HRANDFIELD', p .. 'alerts:' .. uid, sample, 'WITHVALUES') end
    end
    found[#found + 1] = {uid, row[1], row[2] or '0', row[3] or row[4] or '', state, alerts}
  end
end
return found
