#!lua
-- What both scripts share: how a log is kept. The server runs one script at a time and writes all of what it did, or none
-- of it, to its file and to its replicas; so the keys below agree with each other at any time.
--
-- meta     hash: the name of the log, the newest ids, what retention took and how much there is
-- log      stream: the lasting records
-- passing  stream: the passing ones
-- state    hash: key -> id of the newest record of it
-- newest   hash: id -> of how many keys that record is the newest
-- records  hash: id -> such a record, once retention has taken it from its stream
--
-- An entry of a stream has `b`, the record; `p`, the id of the entry before it in either stream; `l`, the id of the lasting
-- one before it, where that is not `p`; and `k` if it was the newest record of any key.
local META, LOG, PASSING, STATE, NEWEST, RECORDS = unpack(KEYS)
local FORMAT = '1'
-- At most so many entries go in one run, so that a bound that was lowered does not stop the server.
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

local format, name, last
-- `newest`: its newest record. `trimmed`: the newest that retention took, or where the log began. `oldest`: no record in it
-- is older than this time.
local lasting, passing = { key = LOG }, { key = PASSING }

local function load()
  local meta = redis.call('HMGET', META, 'format', 'name', 'last',
    'lasting', 'lasting_trimmed', 'lasting_bytes', 'lasting_oldest',
    'passing', 'passing_trimmed', 'passing_bytes', 'passing_oldest')
  format, name, last = meta[1], meta[2], meta[3]
  lasting.newest, lasting.trimmed, lasting.bytes, lasting.oldest = meta[4], meta[5], tonumber(meta[6]), tonumber(meta[7])
  passing.newest, passing.trimmed, passing.bytes, passing.oldest = meta[8], meta[9], tonumber(meta[10]), tonumber(meta[11])
end

local function save()
  redis.call('HSET', META, 'format', FORMAT, 'name', name, 'last', last,
    'lasting', lasting.newest, 'lasting_trimmed', lasting.trimmed,
    'lasting_bytes', string.format('%d', lasting.bytes), 'lasting_oldest', string.format('%d', lasting.oldest),
    'passing', passing.newest, 'passing_trimmed', passing.trimmed,
    'passing_bytes', string.format('%d', passing.bytes), 'passing_oldest', string.format('%d', passing.oldest))
end

-- Begins a log.
local function begin(new_name)
  redis.call('UNLINK', LOG, PASSING, STATE, NEWEST, RECORDS)
  name, last = new_name, string.format('%d-0', now)
  for _, stream in ipairs({ lasting, passing }) do
    stream.newest, stream.trimmed, stream.bytes, stream.oldest = last, last, 0, now
  end
end

local function field(entry, wanted)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == wanted then return fields[i + 1] end
  end
  return nil
end

-- Takes the oldest entries of a stream until what is left is within its bounds.
local function trim(stream, bound)
  local length = redis.call('XLEN', stream.key)
  local since = now - bound.age
  local budget = MAX_TRIM
  local function is_over(ms)
    return length > bound.events or (stream.bytes > bound.bytes and length > 1) or ms <= since
  end
  while length > 0 and budget > 0 and is_over(stream.oldest) do
    -- One more than is surely too many, to see that it may stay.
    local step = math.min(math.max(length - bound.events, 0) + 1, TRIM_STEP)
    local gone
    for _, entry in ipairs(redis.call('XRANGE', stream.key, '-', '+', 'COUNT', step)) do
      local id = entry[1]
      stream.oldest = parts(id)
      if not is_over(stream.oldest) then break end
      local record = field(entry, 'b')
      if record then
        stream.bytes = stream.bytes - #record
        if newer(id, stream.trimmed) then stream.trimmed = id end
        if field(entry, 'k') and redis.call('HEXISTS', NEWEST, id) == 1 then
          redis.call('HSET', RECORDS, id, record)
        end
      end
      gone, length, budget = id, length - 1, budget - 1
    end
    if not gone then break end
    local ms, seq = string.match(gone, '^(%d+)-(%d+)$')
    redis.call('XTRIM', stream.key, 'MINID', '=', string.format('%s-%d', ms, tonumber(seq) + 1))
  end
  if length == 0 then stream.bytes, stream.oldest = 0, now end
end
