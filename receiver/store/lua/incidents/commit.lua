#!lua
-- Write events, state and due work of one incident together, or nothing.
--
-- KEYS[1]  inc:<uid>; every other key is built from the prefix and has the same hash tag
-- ARGV[1]  header, JSON: prefix, op, uid, version (expected; 0: a new incident), now, lease, token, ttl (s),
--          id = {prefix, width, suffix} (new only), floor (an existing number: a higher one is used), severity, opened, open (bool),
--          mark = [number, token] or [] (the newest commit that the replica knows: a store that lacks it has lost data),
--          turn = [correlation, expected] or [] (another decision about the key since it was read makes it stale),
--          about (severity|uid|id of the incident that the notification repeats, if none is written),
--          keys = [[correlation, uid expected or ""], ...], seen = [[group, digest], ...],
--          tombs = [[fingerprint, ms], ...], untomb = [fingerprint, ...],
--          rows = [[member, lane, destination JSON, last seq, memory JSON or "", tries, receipt JSON or "",
--          1 if nothing is left to send, ms after which it is due (0: leased at once)], ...], timers = [[member, ms or 0], ...],
--          held = [[group, JSON, ms], ...], unheld = [group, ...],
--          once = [key, ...] (idempotency keys: a repeated request is not carried out again), what = text stored under each,
--          storm = [most, since ms] or [] (a new incident, or one that pages again, is stale once this many have opened since),
--          into (uid that keys and owners point to instead, for a merged incident), unpoint = [correlation, ...],
--          supersedes (uid of an unreadable incident that this new one replaces, or ""),
--          split (the correlation key of an incident that was split off, or ""),
--          parent = [uid, severity rank] or [] (the storm that holds this incident), apart = uid or "",
--          past (JSON: the incident's data for figures, model/incident/review_record.py; "": it is in the snapshot),
--          summary (JSON: the data of an open incident in replicas' memory, model/incident/incident_summary.py; "": none),
--          promised (bool: it has action items), uncounted (bool: its opening does not count toward a storm),
--          team (the owner of the incident, "": the top level),
--          again (bool: it fires and pages people again, which counts toward a storm like an opening),
--          n = {events, alerts, bodies, gone, owners, freed}
-- ARGV[2]  state, JSON ("" if there is no incident to write)
-- ARGV[3..] events (n.events), then alerts: fingerprint, record (n.alerts pairs), bodies: fingerprint, body (n.bodies pairs),
--          gone: fingerprint (n.gone), owners: fingerprint, uid expected or "" (n.owners pairs), freed: fingerprint (n.freed)
-- reply    {"ok", id, version, number of the commit (0: no incident written), leased members...} | {"stale"} | {"lost"} | {"owner", fingerprint} |
--          {"repeated", what} | {"compressed"}: the incident must be expanded first (expand_incident.lua)
--
-- Everything is checked before the first write, because an error in the middle of a script does not undo its writes.
local h = cjson.decode(ARGV[1])
local p = h.prefix
local known = redis.call('GET', p .. 'op:' .. h.op)
if known then return cjson.decode(known) end

for _, key in ipairs(h.once) do
  local what = redis.call('GET', p .. 'once:' .. key)
  if what then return {'repeated', what} end
end

-- Nothing is written after a loss of data: replicas write back their copies first (docs/adr/0013).
-- Another replica that has begun a recovery has increased `commits`, so the mark does not show the loss, but the epoch does.
if h.epoch ~= '' and redis.call('HGET', p .. 'memory', 'epoch') ~= h.epoch then return {'lost'} end
if #h.mark > 0 then
  local number, token = h.mark[1], nil
  local at = redis.call('HGET', p .. 'marks', string.format('%.0f', number % 512))
  local found, other = string.match(at or '', '^(%d+) (%S+)$')
  if tonumber(found or '') == number then token = other end
  local commits = tonumber(redis.call('GET', p .. 'commits') or '0') or 0
  if commits < number or (token and token ~= h.mark[2]) then return {'lost'} end
end

local here = KEYS[1]
local target = h.into ~= '' and h.into or h.uid
local writes = ARGV[2] ~= ''
if writes then
  local row = redis.call('HMGET', here, 'version', 'compressed')
  if tonumber(row[1] or '0') ~= h.version then return {'stale'} end
  if row[2] then return {'compressed'} end
  if #h.storm > 0 then
    local since = h.storm[2]
    local recent
    if h.team == '' then
      recent = redis.call('ZCOUNT', p .. 'index', since, '+inf') + redis.call('ZCOUNT', p .. 'again', since, '+inf')
      recent = recent - redis.call('ZCOUNT', p .. 'uncounted', since, '+inf')
    else
      recent = redis.call('ZCOUNT', p .. 'opened:' .. h.team, since, '+inf')
    end
    if recent >= h.storm[1] then return {'stale'} end
  end
end
if #h.turn > 0 and (tonumber(redis.call('GET', p .. 'turn:' .. h.turn[1]) or '0') or 0) ~= h.turn[2] then return {'stale'} end
for _, pair in ipairs(h.keys) do
  if (redis.call('GET', p .. 'key:' .. pair[1]) or '') ~= pair[2] then return {'stale'} end
end

local at = 3
local function span(count) local first = at; at = at + count; return first end
local events = span(h.n.events)
local alerts = span(h.n.alerts * 2)
local bodies = span(h.n.bodies * 2)
local gone = span(h.n.gone)
local owners = span(h.n.owners * 2)
local freed = span(h.n.freed)
local STEP = 500 -- unpack fails above some thousands of values

for i = owners, owners + h.n.owners * 2 - 1, STEP * 2 do
  local names, last = {}, math.min(i + STEP * 2, owners + h.n.owners * 2) - 1
  for j = i, last, 2 do names[#names + 1] = ARGV[j] end
  local held = redis.call('HMGET', p .. 'owner', unpack(names))
  for k = 1, #names do
    if (held[k] or '') ~= ARGV[i + (k - 1) * 2 + 1] then return {'owner', names[k]} end
  end
end

local function pairs_to(key, first, count)
  for i = first, first + count * 2 - 1, STEP * 2 do
    redis.call('HSET', key, unpack(ARGV, i, math.min(i + STEP * 2, first + count * 2) - 1))
  end
end
local function names_from(key, first, count)
  for i = first, first + count - 1, STEP do
    redis.call('HDEL', key, unpack(ARGV, i, math.min(i + STEP, first + count) - 1))
  end
end

local id, version, commit, leased = '', h.version, 0, {}
if writes then
  version = h.version + 1
  if h.version == 0 then
    local number = redis.call('INCR', p .. 'number:' .. h.id[1])
    if number <= h.floor then
      number = h.floor + 1
      redis.call('SET', p .. 'number:' .. h.id[1], string.format('%.0f', number))
    end
    id = h.id[1] .. string.format('%0' .. h.id[2] .. 'd', number) .. h.id[3]
    redis.call('HSET', p .. 'ids', id, h.uid)
    redis.call('ZADD', p .. 'index', h.opened, h.uid)
    if h.uncounted or h.team ~= '' then
      redis.call('ZADD', p .. 'uncounted', h.opened, h.uid)
      redis.call('EXPIRE', p .. 'uncounted', h.ttl)
    end
    redis.call('HSET', here, 'id', id)
  else
    id = redis.call('HGET', here, 'id')
  end
  if h.past ~= '' then redis.call('HSET', here, 'state', ARGV[2], 'version', version, 'past', h.past)
  else
    redis.call('HSET', here, 'state', ARGV[2], 'version', version)
    if h.version > 0 then redis.call('HDEL', here, 'past') end -- it belonged to the previous version
  end
  -- Each team has its own storms: an opening for one does not count for another.
  if h.team ~= '' and (h.again or (h.version == 0 and not h.uncounted)) then
    local counted = p .. 'opened:' .. h.team
    redis.call('ZADD', counted, h.again and h.now or h.opened, h.again and h.uid .. ' again' or h.uid)
    redis.call('ZREMRANGEBYSCORE', counted, '-inf', h.now - 86400000)
    redis.call('EXPIRE', counted, 172800)
  elseif h.again then
    redis.call('ZADD', p .. 'again', h.now, h.uid)
    redis.call('ZREMRANGEBYSCORE', p .. 'again', '-inf', h.now - 86400000)
    redis.call('EXPIRE', p .. 'again', 172800)
  end
  if h.promised then redis.call('SADD', p .. 'promised', h.uid) end
  if h.open then redis.call('ZADD', p .. 'open', h.opened, h.uid) else redis.call('ZREM', p .. 'open', h.uid) end
  -- The version before the summary shows whether a release without summaries has left it outdated.
  if h.open and h.summary ~= '' then redis.call('HSET', p .. 'summaries', h.uid, version .. ' ' .. h.summary)
  else redis.call('HDEL', p .. 'summaries', h.uid) end
  local log = p .. 'log:' .. h.uid
  for i = events, events + h.n.events - 1, STEP do
    redis.call('RPUSH', log, unpack(ARGV, i, math.min(i + STEP, events + h.n.events) - 1))
  end
  pairs_to(p .. 'alerts:' .. h.uid, alerts, h.n.alerts)
  pairs_to(p .. 'bodies:' .. h.uid, bodies, h.n.bodies)
  -- Split-off alerts are taken from their owner, and are routed here until this incident is over.
  local takes = h.split ~= '' and h.version == 0
  if takes then
    for i = owners, owners + h.n.owners * 2 - 1, 2 do
      redis.call('HSET', p .. 'apart', ARGV[i], h.uid .. ' ' .. h.split)
    end
    redis.call('EXPIRE', p .. 'apart', h.ttl)
  elseif h.split ~= '' and not h.open then
    for _, name in ipairs(redis.call('HKEYS', p .. 'alerts:' .. h.uid)) do
      local there = redis.call('HGET', p .. 'apart', name)
      local held = redis.call('HGET', p .. 'owner', name) == h.uid
      if not held and there == h.uid .. ' ' .. h.split then redis.call('HDEL', p .. 'apart', name) end
    end
  end
  names_from(p .. 'alerts:' .. h.uid, gone, h.n.gone)
  names_from(p .. 'bodies:' .. h.uid, gone, h.n.gone)
  for i = owners, owners + h.n.owners * 2 - 1, STEP * 2 do
    local put = {}
    for j = i, math.min(i + STEP * 2, owners + h.n.owners * 2) - 1, 2 do
      if ARGV[j + 1] == '' or h.into ~= '' or takes or ARGV[j + 1] == h.supersedes then put[#put + 1] = ARGV[j]; put[#put + 1] = target end
    end
    if #put > 0 then redis.call('HSET', p .. 'owner', unpack(put)) end
  end
  -- Another incident may own an alert that this one has too: its end here does not change that owner.
  local ours = {}
  for i = freed, freed + h.n.freed - 1, STEP do
    local last = math.min(i + STEP, freed + h.n.freed) - 1
    local owned = redis.call('HMGET', p .. 'owner', unpack(ARGV, i, last))
    for j = i, last do
      if owned[j - i + 1] == h.uid then ours[#ours + 1] = ARGV[j] end
    end
  end
  for i = 1, #ours, STEP do
    redis.call('HDEL', p .. 'owner', unpack(ours, i, math.min(i + STEP - 1, #ours)))
  end
  for _, pair in ipairs(h.keys) do redis.call('SET', p .. 'key:' .. pair[1], target, 'EX', h.ttl) end
  for _, key in ipairs(h.unpoint) do
    if redis.call('GET', p .. 'key:' .. key) == h.uid then redis.call('DEL', p .. 'key:' .. key) end
  end
  if #h.parent > 0 then
    redis.call('HSET', p .. 'children:' .. h.parent[1], h.uid, h.parent[2])
    redis.call('EXPIRE', p .. 'children:' .. h.parent[1], h.ttl)
  elseif h.apart ~= '' then redis.call('HDEL', p .. 'children:' .. h.apart, h.uid) end
  for _, name in ipairs({'inc:', 'log:', 'alerts:', 'bodies:', 'receipts:'}) do
    redis.call('EXPIRE', p .. name .. h.uid, h.ttl)
  end
  -- A later reader lets the successor take over first. A decision that read it earlier is made again.
  if h.supersedes ~= '' and redis.call('EXISTS', p .. 'inc:' .. h.supersedes) == 1 then
    redis.call('HSET', p .. 'inc:' .. h.supersedes, 'superseded', h.uid)
    redis.pcall('HINCRBY', p .. 'inc:' .. h.supersedes, 'version', 1)
    redis.call('ZADD', p .. 'due:timer', h.now + h.lease, h.supersedes .. ' superseded')
  end
  commit = redis.call('INCR', p .. 'commits')
  redis.call('ZADD', p .. 'changed', commit, h.uid)
  -- The token of the commit with this number: after a loss, another one may have it.
  local mark = string.format('%.0f', commit) .. ' ' .. h.op
  redis.call('HSET', p .. 'marks', string.format('%.0f', commit % 512), mark, 'last', mark)

  for _, row in ipairs(h.rows) do
    local member, lane = row[1], row[2]
    local key = p .. 'row:' .. member
    local was = redis.call('HMGET', key, 'until', 'lane', 'wait', 'cursor', 'last', 'parked')
    redis.call('HSET', key, 'uid', h.uid, 'lane', lane, 'to', row[3], 'last', row[4])
    if row[5] ~= '' then redis.call('HSET', key, 'memory', row[5]) end
    if row[6] > 0 then redis.call('HSET', key, 'tries', row[6]) end
    -- A pending row keeps its start time. A row that had given up starts again with its full time.
    local owed = was[5] and (tonumber(was[4] or '0') or 0) < (tonumber(was[5]) or 0) and not was[6]
    if owed then redis.call('HSETNX', key, 'since', h.now)
    else redis.call('HSET', key, 'since', h.now + row[9]) end
    redis.call('HDEL', key, 'parked')
    redis.call('HDEL', p .. 'dead', member)
    redis.call('EXPIRE', key, h.ttl)
    if was[2] and was[2] ~= lane then
      local score = redis.call('ZSCORE', p .. 'due:' .. was[2], member)
      redis.call('ZREM', p .. 'due:' .. was[2], member)
      if score then redis.call('ZADD', p .. 'due:' .. lane, score, member) end
    end
    -- If it is leased and being sent, its completion sees the higher `last`. If the vendor requested a wait, it waits.
    local idle = (tonumber(was[1] or '0') or 0) <= h.now and (tonumber(was[3] or '0') or 0) <= h.now
    if row[7] ~= '' then
      redis.call('RPUSH', p .. 'receipts:' .. h.uid, row[7])
      redis.call('LTRIM', p .. 'receipts:' .. h.uid, -500, -1)
      redis.call('EXPIRE', p .. 'receipts:' .. h.uid, h.ttl)
    end
    if idle and row[8] == 1 then
      redis.call('HSET', key, 'cursor', row[4], 'token', '', 'until', 0, 'attempts', 0, 'tries', 0)
      redis.call('ZREM', p .. 'due:' .. lane, member)
    elseif idle and row[9] > 0 then
      redis.call('ZADD', p .. 'due:' .. lane, 'NX', h.now + row[9], member)
    elseif idle then
      redis.call('HSET', key, 'token', h.token, 'until', h.now + h.lease)
      if type(redis.pcall('HINCRBY', key, 'tries', 1)) == 'table' then redis.call('HSET', key, 'tries', 1) end
      redis.call('ZADD', p .. 'due:' .. lane, h.now + h.lease, member)
      leased[#leased + 1] = member
    end
  end
  -- Two commands for all of them, because each command has more overhead than work here.
  local due, none = {}, {}
  for _, timer in ipairs(h.timers) do
    if timer[2] > 0 then due[#due + 1] = timer[2]; due[#due + 1] = timer[1] else none[#none + 1] = timer[1] end
  end
  if #due > 0 then redis.call('ZADD', p .. 'due:timer', unpack(due)) end
  if #none > 0 then redis.call('ZREM', p .. 'due:timer', unpack(none)) end
end

for _, key in ipairs(h.once) do
  redis.call('SET', p .. 'once:' .. key, cjson.encode({h.uid, id, version, h.what}), 'EX', 604800)
end
if #h.turn > 0 then redis.call('SET', p .. 'turn:' .. h.turn[1], h.turn[2] + 1, 'EX', 2592000) end
for _, pair in ipairs(h.tombs) do redis.call('SET', p .. 'tomb:' .. pair[1], pair[2], 'EX', 3600) end
for _, name in ipairs(h.untomb) do redis.call('DEL', p .. 'tomb:' .. name) end
for _, group in ipairs(h.unheld) do
  redis.call('HDEL', p .. 'held', group)
  redis.call('ZREM', p .. 'due:timer', 'held ' .. group)
end
for _, one in ipairs(h.held) do
  redis.call('HSET', p .. 'held', one[1], one[2])
  redis.call('ZADD', p .. 'due:timer', 'NX', one[3], 'held ' .. one[1])
end
for _, pair in ipairs(h.seen) do
  local what = writes and (h.severity .. '|' .. h.uid .. '|' .. id) or h.about
  redis.call('SET', p .. 'seen:' .. pair[1], pair[2] .. '|' .. what, 'EX', 2592000)
end
local reply = {'ok', id, version, commit, unpack(leased)}
redis.call('SET', p .. 'op:' .. h.op, cjson.encode(reply), 'EX', 3600)
return reply
