#!lua flags=no-writes
-- Find past incidents that share terms with one, through the index: the rarest terms first, and never all incidents.
--
-- KEYS[1]  similar
-- ARGV     prefix, most (candidates), listed (incidents of one term that are read), budget (incidents of all terms together),
--          uid (of the incident itself), then term and weight of its kind, ...
-- reply    {number of indexed incidents, {number with the term, for each term}, uid, id, record (or the compressed incident with its record), ...}, best candidates first
local p, most, listed, budget, own = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local total = tonumber(redis.call('HGET', KEYS[1], 'count') or '0') or 0
local counts, terms = {}, {}
for i = 6, #ARGV, 2 do
  local key = p .. 'like:' .. ARGV[i]
  local count = tonumber(redis.call('ZSCORE', key, '#') or '0') or 0
  counts[#counts + 1] = count
  if count > 0 then
    local weight = tonumber(ARGV[i + 1]) * math.log((math.max(total, count) + 1) / count)
    terms[#terms + 1] = {key, count, weight}
  end
end
table.sort(terms, function(a, b) if a[2] ~= b[2] then return a[2] < b[2] end return a[1] < b[1] end)
local scores, uids = {}, {}
for _, term in ipairs(terms) do
  if budget <= 0 then break end
  for _, uid in ipairs(redis.call('ZREVRANGE', term[1], 0, math.min(listed, budget) - 1)) do
    if uid ~= '#' and uid ~= own then
      if not scores[uid] then scores[uid] = 0; uids[#uids + 1] = uid end
      scores[uid] = scores[uid] + term[3]
      budget = budget - 1
    end
  end
end
table.sort(uids, function(a, b) if scores[a] ~= scores[b] then return scores[a] > scores[b] end return a < b end)
local found = {total, counts}
for _, uid in ipairs(uids) do
  if #found >= 2 + most * 3 then break end
  local row = redis.call('HMGET', p .. 'inc:' .. uid, 'id', 'similar', 'compressed')
  local record = row[2] or row[3]
  if row[1] and record and not redis.call('ZSCORE', p .. 'open', uid) then
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = uid, row[1], record
  end
end
return found
