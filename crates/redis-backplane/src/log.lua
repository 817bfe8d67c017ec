#!lua
-- What both scripts share: how a log is kept. The server runs one script at a time and writes all of what it did, or
-- none of it, to its file and to its replicas; so the keys below agree with each other at any time.
--
-- meta     hash: the name of the log, the newest ids, what retention took and how much there is, also of the state
-- log      stream: the lasting records
-- passing  stream: the passing ones
-- state    hash: key -> id of the newest record of it
-- newest   hash: id -> of how many keys that record is the newest
-- records  hash: id -> such a record, once retention has taken it from its stream
--
-- An entry of a stream has `b`, the record; `p`, the id of the entry before it in either stream; `l`, the id of the
-- lasting one before it, where that is not `p`; and `k` if it was the newest record of any key.
local META, LOG, PASSING, STATE, NEWEST, RECORDS = unpack(KEYS)
local FORMAT = '1'
-- At most so many records go in one run, so that a bound that was lowered does not stop the server.
local MAX_TRIM, TRIM_STEP = 10000, 100
-- Lua 5.1 passes at most 8,000 arguments.
local STEP = 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function newer(one, other)
  local ms, seq = parts(one)
  local other_ms, other_seq = parts(other)
  return ms > other_ms or (ms == other_ms and seq > other_seq)
end

-- The id after this one: time never goes back, and a full counter (numbers are exact up to 2^53) borrows from the next
-- millisecond.
local function following(id)
  local ms, seq = parts(id)
  if now > ms then return string.format('%d-0', now) end
  if seq < 2 ^ 53 - 1 then return string.format('%d-%d', ms, seq + 1) end
  return string.format('%d-0', ms + 1)
end

-- What is retained: events, bytes and milliseconds, of lasting and of passing records.
local function bounds(at)
  return { events = tonumber(ARGV[at]), bytes = tonumber(ARGV[at + 1]), age = tonumber(ARGV[at + 2]) }
end

local name, last
-- Why nothing can be done with what is here: the answer of the script then.
local refused
-- What is retained of a stream. `newest`: its newest record. `trimmed`: the newest that retention took, or where the
-- log began. `count`, `bytes`: what is behind that. `oldest`: no record of that is older than this time.
--
-- What retention took stays in the stream for a little longer, so that a tail that starts at the oldest record, or is
-- behind, still finds it while others append: up to `cut`, it goes when `spare` records of `spare_bytes` have followed.
local lasting, passing = { key = LOG }, { key = PASSING }
-- How much may be spare: a quarter of what is retained, or this.
local MIN_SPARE, MIN_SPARE_BYTES = 1024, 2 ^ 20

-- Returns whether this is a text as `written` makes it.
local function read_stream(stream, text)
  local newest, trimmed, cut, count, bytes, oldest, spare, spare_bytes =
    string.match(text or '', '^(%d+%-%d+) (%d+%-%d+) (%d+%-%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  stream.newest, stream.trimmed, stream.cut = newest, trimmed, cut
  stream.count, stream.bytes, stream.oldest = tonumber(count), tonumber(bytes), tonumber(oldest)
  stream.spare, stream.spare_bytes = tonumber(spare), tonumber(spare_bytes)
  return newest ~= nil
end

local function written(stream)
  return string.format('%s %s %s %d %d %d %d %d', stream.newest, stream.trimmed, stream.cut, stream.count, stream.bytes,
    stream.oldest, stream.spare, stream.spare_bytes)
end

-- What a key answers; 0 if it has something that no log has there.
local function ask(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  refused = { 'key', key .. ': ' .. answer.err }
  return 0
end

-- How many fields the hashes of the state have, where that is known.
local counted

local function sizes()
  return string.format('%d %d %d', ask('HLEN', STATE), ask('HLEN', NEWEST), ask('HLEN', RECORDS))
end

-- It is another log from now on, and tails see that it has ended.
local function finish()
  redis.call('UNLINK', META)
  name = nil
end

-- Nothing is written before it is sure that all keys can be. Where somebody else has changed what is known of the log,
-- or has removed state, nobody can tell any more what is missing: the log has ended.
local function load()
  local meta = ask('HMGET', META, 'format', 'name', 'last', 'lasting', 'passing', 'sizes')
  ask('XLEN', LOG)
  ask('XLEN', PASSING)
  counted = sizes()
  if refused then return end
  local format = meta[1]
  if format and format ~= FORMAT then
    refused = { 'format', format }
    return
  end
  name, last = meta[2], meta[3]
  local are_known = read_stream(lasting, meta[4]) and read_stream(passing, meta[5])
  if not (format and name and parts(last or '') and are_known and meta[6] == counted) then finish() end
end

local function save()
  redis.call('HSET', META, 'format', FORMAT, 'name', name, 'last', last, 'lasting', written(lasting),
    'passing', written(passing), 'sizes', counted or sizes())
end

-- Begins a log.
local function begin(new_name)
  redis.call('UNLINK', LOG, PASSING, STATE, NEWEST, RECORDS)
  counted = nil
  name, last = new_name, string.format('%d-0', now)
  for _, stream in ipairs({ lasting, passing }) do
    stream.newest, stream.trimmed, stream.cut = last, last, last
    stream.count, stream.bytes, stream.oldest, stream.spare, stream.spare_bytes = 0, 0, now, 0, 0
  end
end

local function field(entry, wanted)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == wanted then return fields[i + 1] end
  end
  return nil
end

-- A record that leaves its stream stays for the keys that it is the newest of.
local function keep(entry, record)
  if field(entry, 'k') and redis.call('HEXISTS', NEWEST, entry[1]) == 1 then
    redis.call('HSET', RECORDS, entry[1], record)
    counted = nil
  end
end

-- Takes the oldest records of a stream until what is left is within its bounds.
local function trim(stream, bound)
  local since = now - bound.age
  local budget = MAX_TRIM
  local from = '(' .. stream.trimmed
  local function is_over(ms)
    return stream.count > bound.events or (stream.bytes > bound.bytes and stream.count > 1) or ms <= since
  end
  while stream.count > 0 and budget > 0 and is_over(stream.oldest) do
    -- One more than is surely too many, to see that it may stay.
    local step = math.min(math.max(stream.count - bound.events, 0) + 1, TRIM_STEP)
    local entries = redis.call('XRANGE', stream.key, from, '+', 'COUNT', step)
    -- Somebody else has removed them.
    if #entries == 0 then stream.count, stream.bytes = 0, 0 end
    for _, entry in ipairs(entries) do
      local id, record = entry[1], field(entry, 'b')
      if record then
        stream.oldest = parts(id)
        if not is_over(stream.oldest) then break end
        keep(entry, record)
        stream.trimmed = id
        stream.count, stream.bytes = stream.count - 1, stream.bytes - #record
        stream.spare, stream.spare_bytes = stream.spare + 1, stream.spare_bytes + #record
      end
      from, budget = '(' .. id, budget - 1
    end
  end
  if stream.spare > math.max(bound.events / 4, MIN_SPARE)
      or stream.spare_bytes > math.max(bound.bytes / 4, MIN_SPARE_BYTES) then
    redis.call('XTRIM', stream.key, 'MINID', '=', stream.cut)
    stream.cut, stream.spare, stream.spare_bytes = stream.trimmed, 0, 0
  end
end
