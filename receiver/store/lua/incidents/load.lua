#!lua flags=no-writes
-- Read all that a decision about one correlation key needs, at one moment.
--
-- KEYS[1]  key:<correlation>
-- ARGV     prefix, group, correlation, count of firing fingerprints, those fingerprints..., the ms since which openings
--          are counted, count of ended fingerprints, those fingerprints...
-- reply    {uid at the key or "", uid taken, state, version, id, records (flat fingerprint, record ...),
--           owners of the firing fingerprints, tombs of the firing fingerprints, what is held for the group or "",
--           turn: raised by every commit about this key, how many incidents opened since (none uncounted) or called anew, uid of the open storm or "",
--           flat fingerprint, correlation key of those that were split off, and of those that have ended where another
--           open incident holds them, what the group last said or ""}
-- The uid taken is the key's own incident; where that is over or missing and one open incident holds every firing
-- fingerprint, that one.
local p = ARGV[1]
local count = tonumber(ARGV[4])
local STEP = 500
local owners, tombs = {}, {}
for i = 5, count + 4, STEP do
  local last = math.min(i + STEP, count + 5) - 1
  local part = redis.call('HMGET', p .. 'owner', unpack(ARGV, i, last))
  local names = {}
  for j = i, last do
    owners[#owners + 1] = part[j - i + 1] or ''
    names[#names + 1] = p .. 'tomb:' .. ARGV[j]
  end
  for _, tomb in ipairs(redis.call('MGET', unpack(names))) do tombs[#tombs + 1] = tomb or '' end
end
local own = redis.call('GET', KEYS[1]) or ''
local uid = own
local one = count > 0 and owners[1] or ''
for i = 2, count do if owners[i] ~= one then one = '' end end
local turn = tonumber(redis.call('GET', p .. 'turn:' .. ARGV[3]) or '0') or 0
local held = redis.call('HGET', p .. 'held', ARGV[2]) or ''
local since = ARGV[count + 5]
local recent = redis.call('ZCOUNT', p .. 'index', since, '+inf') - redis.call('ZCOUNT', p .. 'uncounted', since, '+inf')
recent = recent + redis.call('ZCOUNT', p .. 'again', since, '+inf')
local storm = redis.call('GET', p .. 'key:storm') or ''
local function open(name) return redis.call('ZSCORE', p .. 'open', name) end
if one ~= '' and one ~= own and open(one) and (own == '' or not open(own)) then uid = one end
if storm ~= '' and not open(storm) then storm = '' end
-- An alert that was split off belongs there as long as that incident lives, or holds it although a person closed it.
local apart = {}
if redis.call('EXISTS', p .. 'apart') == 1 then
  local function look(first, last)
    for i = first, last, STEP do
      local stop = math.min(i + STEP - 1, last)
      local where = redis.call('HMGET', p .. 'apart', unpack(ARGV, i, stop))
      for j = i, stop do
        local there = where[j - i + 1]
        if there then
          local home, key = there:match('^(%S+) (.*)$')
          if open(home) or redis.call('HGET', p .. 'owner', ARGV[j]) == home then
            apart[#apart + 1] = ARGV[j]; apart[#apart + 1] = key
          end
        end
      end
    end
  end
  look(5, count + 4)
  look(count + 7, count + 6 + tonumber(ARGV[count + 6]))
end
-- What belongs together was decided otherwise when it began (a reload, other grouping): it ends where it is held.
do
  local keys, known, last = {}, {}, count + 6 + tonumber(ARGV[count + 6])
  for i = 1, #apart, 2 do known[apart[i]] = true end
  for i = count + 7, last, STEP do
    local stop = math.min(i + STEP - 1, last)
    local holders = redis.call('HMGET', p .. 'owner', unpack(ARGV, i, stop))
    for j = i, stop do
      local home = holders[j - i + 1]
      if home and home ~= uid and not known[ARGV[j]] and open(home) then
        if not keys[home] then
          -- A later version may keep it in another form: then it is left to a replica that can read it.
          local read, state = pcall(cjson.decode, redis.call('HGET', p .. 'inc:' .. home, 'state'))
          keys[home] = read and type(state) == 'table' and type(state.key) == 'string' and state.key or ''
        end
        if keys[home] ~= '' then apart[#apart + 1] = ARGV[j]; apart[#apart + 1] = keys[home] end
      end
    end
  end
end
local seen = redis.call('GET', p .. 'seen:' .. ARGV[2]) or ''
if uid == '' then return {own, '', '', 0, '', {}, owners, tombs, held, turn, recent, storm, apart, seen} end
local inc = redis.call('HMGET', p .. 'inc:' .. uid, 'state', 'version', 'id')
if not inc[1] then return {own, '', '', 0, '', {}, owners, tombs, held, turn, recent, storm, apart, seen} end
local records = redis.call('HGETALL', p .. 'alerts:' .. uid)
-- A version that is no number is of a later version: it cannot be read, which is for the reader to say.
return {own, uid, inc[1], tonumber(inc[2] or '') or '?', inc[3] or '', records, owners, tombs, held, turn, recent, storm, apart, seen}
