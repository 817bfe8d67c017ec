-- Appends records: each gets an id, goes to the end of its stream and changes the state.
--
-- ARGV: what to name the log if there is none; the log the caller knows and its newest id there, both empty if it knows
-- none; the bounds of lasting and of passing records; then for each record `l` or `p`, its bytes, how many keys it
-- sets, how many it removes, and those keys.
--
-- Returns `ok`, the name of the log and the ids; or why nothing was done: `another` log is here, entries are `lost`,
-- the `format` is not this one, or a `key` has something else.

-- `id` is no longer the newest record of this many keys.
local function supersede(id, keys)
  if redis.call('HINCRBY', NEWEST, id, -keys) <= 0 then
    redis.call('HDEL', NEWEST, id)
    redis.call('HDEL', RECORDS, id)
  end
end

-- Calls `step` for what lies from `from` to `to`, in portions.
local function in_steps(from, to, step)
  while from <= to do
    local upto = math.min(from + STEP - 1, to)
    step(from, upto)
    from = upto + 1
  end
end

-- The keys at these places get this newest record, or none.
local function change(from, to, id)
  local superseded = {}
  counted = nil
  in_steps(from, to, function(from, to)
    for _, old in ipairs(redis.call('HMGET', STATE, unpack(ARGV, from, to))) do
      if old then superseded[old] = (superseded[old] or 0) + 1 end
    end
    if id then
      local pairs_of = {}
      for at = from, to do
        pairs_of[#pairs_of + 1] = ARGV[at]
        pairs_of[#pairs_of + 1] = id
      end
      redis.call('HSET', STATE, unpack(pairs_of))
    else
      redis.call('HDEL', STATE, unpack(ARGV, from, to))
    end
  end)
  if id and from <= to then redis.call('HINCRBY', NEWEST, id, to - from + 1) end
  for old, keys in pairs(superseded) do supersede(old, keys) end
end

-- Returns the id of the record; nothing if there is none that could follow what the stream has.
local function add(stream, record, sets)
  local fields = { 'b', record, 'p', last }
  if lasting.newest ~= last then
    fields[#fields + 1] = 'l'
    fields[#fields + 1] = lasting.newest
  end
  if sets then
    fields[#fields + 1] = 'k'
    fields[#fields + 1] = ''
  end
  local id = following(last)
  local added = redis.pcall('XADD', stream.key, id, unpack(fields))
  if type(added) == 'table' and added.err then
    -- Somebody else has written to the stream: go on behind that.
    local info = redis.call('XINFO', 'STREAM', stream.key)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' and newer(info[i + 1], last) then
        if parts(info[i + 1]) >= 2 ^ 53 then return nil end
        id = following(info[i + 1])
      end
    end
    redis.call('XADD', stream.key, id, unpack(fields))
  end
  stream.newest, last = id, id
  stream.count, stream.bytes = stream.count + 1, stream.bytes + #record
  return id
end

load()
if refused then return refused end
if ARGV[2] ~= '' and ARGV[2] ~= name then return { 'another' } end
if ARGV[3] ~= '' and newer(ARGV[3], last) then return { 'lost' } end
if not name then begin(ARGV[1]) end

local answer = { 'ok', name }
local at = 10
while at <= #ARGV do
  local stream = ARGV[at] == 'l' and lasting or passing
  local record, sets, removes = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local id = add(stream, record, sets > 0)
  if not id then
    -- What was added before is read by nobody.
    finish()
    return { 'another' }
  end
  at = at + 4
  if sets > 0 then change(at, at + sets - 1, id) end
  at = at + sets
  if removes > 0 then change(at, at + removes - 1, nil) end
  at = at + removes
  answer[#answer + 1] = id
end
trim(lasting, bounds(4))
trim(passing, bounds(7))
save()
return answer
