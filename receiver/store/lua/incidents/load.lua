#!lua flags=no-writes
-- Read all data for a decision about one correlation key, at one moment.
--
-- KEYS[1]  key:<correlation>
-- ARGV     prefix, group, correlation, count of firing fingerprints, those fingerprints..., the ms since which openings
--          are counted, count of ended fingerprints, those fingerprints..., the team that owns them ("": the top level)
-- reply    {uid at the key or "", uid taken, state (or the incident compressed), version, id, records (flat fingerprint, record ...),
--           owners of the firing fingerprints, tombstones of the firing fingerprints, the notification held for the group or "",
--           turn (increased by every commit for this key), number of counted incidents that opened or paged again since, uid of the open storm or "",
--           flat fingerprint, correlation key of those that were split off, of ended ones that another open incident owns, and of
--           firing ones that the group's incident of another team owns,
--           the last state of the group or ""}
-- The uid taken is the key's own incident; if that is over or missing and one open incident owns every firing
-- fingerprint, it is that one, unless another team's alerts are routed there.
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
for i = 2, count do
  -- A name with '@' is the tombstone of a restricted sender, which has no owner.
  if owners[i] ~= one and not string.find(ARGV[i + 4], '@', 1, true) then one = '' end
end
local turn = tonumber(redis.call('GET', p .. 'turn:' .. ARGV[3]) or '0') or 0
local held = redis.call('HGET', p .. 'held', ARGV[2]) or ''
local since = ARGV[count + 5]
local ended_last = count + 6 + tonumber(ARGV[count + 6])
local team = ARGV[ended_last + 1] or ''
-- Each team has its own storms.
local recent
if team == '' then
  recent = redis.call('ZCOUNT', p .. 'index', since, '+inf') - redis.call('ZCOUNT', p .. 'uncounted', since, '+inf')
  recent = recent + redis.call('ZCOUNT', p .. 'again', since, '+inf')
else
  recent = redis.call('ZCOUNT', p .. 'opened:' .. team, since, '+inf')
end
local storm = redis.call('GET', p .. 'key:' .. (team == '' and 'storm' or 'storm:' .. team)) or ''
local function open(name) return redis.call('ZSCORE', p .. 'open', name) end
-- A firing alert stays with its first team: an incident that was opened for another team, or under another key of this
-- group, keeps it regardless of the current configuration. Returns its key, or "".
local homes, FAMILY = {}, ARGV[3]:sub(1, 16)
local function elsewhere(home)
  if homes[home] == nil then
    homes[home] = ''
    local state = redis.call('HGET', p .. 'inc:' .. home, 'state')
    local near = state and state:find('"' .. FAMILY, 1, true)
    if state and (near or team ~= '' or state:find('"origin_team":"', 1, true)) then
      -- A later version may keep it in another form: then it is left to a replica that can read it.
      local read, known = pcall(cjson.decode, state)
      if read and type(known) == 'table' then
        local there = ''
        local names = type(known.keys) == 'table' and known.keys or {}
        names[#names + 1] = known.key
        for _, name in ipairs(near and names or {}) do
          if type(name) == 'string' and name:sub(1, 16) == FAMILY then there = name end
        end
        if there == '' and (known.origin_team or '') ~= team and open(home) then there = known.key end
        if type(there) == 'string' and there ~= ARGV[3] then homes[home] = there end
      end
    end
  end
  return homes[home]
end
if one ~= '' and one ~= own and open(one) and (own == '' or not open(own)) and elsewhere(one) == '' then uid = one end
if storm ~= '' and not open(storm) then storm = '' end
-- A split-off alert belongs to its new incident as long as that is open, or owns the alert although a person closed it.
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
do
  local known = {}
  for i = 1, #apart, 2 do known[apart[i]] = true end
  for i = 1, count do
    local home = owners[i]
    if home ~= '' and home ~= uid and home ~= own and not known[ARGV[i + 4]] then
      local there = elsewhere(home)
      if there ~= '' then apart[#apart + 1] = ARGV[i + 4]; apart[#apart + 1] = there end
    end
  end
end
-- The grouping was different when the alert began (a reload, other grouping): it ends in the incident that owns it.
do
  local keys, known, last = {}, {}, ended_last
  for i = 1, #apart, 2 do known[apart[i]] = true end
  for i = count + 7, last, STEP do
    local stop = math.min(i + STEP - 1, last)
    local holders = redis.call('HMGET', p .. 'owner', unpack(ARGV, i, stop))
    for j = i, stop do
      local home = holders[j - i + 1]
      if home and home ~= uid and not known[ARGV[j]] and not open(home) and elsewhere(home) ~= '' then
        -- A person closed it while the alert fired.
        apart[#apart + 1] = ARGV[j]; apart[#apart + 1] = elsewhere(home)
      elseif home and home ~= uid and not known[ARGV[j]] and open(home) then
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
local inc = redis.call('HMGET', p .. 'inc:' .. uid, 'state', 'version', 'id', 'compressed')
local state = inc[1] or inc[4]
if not state then return {own, '', '', 0, '', {}, owners, tombs, held, turn, recent, storm, apart, seen} end
local records = redis.call('HGETALL', p .. 'alerts:' .. uid)
-- A version that is not a number is from a later release: the reader reports that it cannot be read.
return {own, uid, state, tonumber(inc[2] or '') or '?', inc[3] or '', records, owners, tombs, held, turn, recent, storm, apart, seen}
