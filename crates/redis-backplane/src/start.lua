-- Says where a tail starts; and finds out whether the log here is still the one that the caller knows.
--
-- ARGV: what to name the log if it is a new one; the log the caller follows and the last id it saw there, both empty if
-- none; the record of that id, empty if it does not have it any more; three times the log and the id of an entry, or
-- both empty: the newest one that it knows to be taken, the newest lasting one, and one before which it has found
-- another to be missing; the bounds.
--
-- Returns `ok`, the name of the log, the id to start behind, the newest id there is to read, whether passing records
-- are missed (1 or 0), up to which id they may be, and the last id that was given; or `format` or `key`, as
-- `append.lua` does.

-- Whether this entry, which the log had once, can have been lost only to retention. Two servers that were both written
-- to while they could not see each other may have the same id for different records.
local function has(id, record)
  if newer(id, last) then return false end
  if not newer(id, lasting.trimmed) or not newer(id, passing.trimmed) then return true end
  for _, stream in ipairs({ lasting, passing }) do
    local entry = redis.call('XRANGE', stream.key, id, id)[1]
    if entry then return record == '' or record == field(entry, 'b') end
  end
  return false
end

-- Whether this lasting entry, which the log had once, can have been lost only to retention.
local function has_lasting(id)
  if not newer(id, lasting.trimmed) then return true end
  return redis.call('XRANGE', LOG, id, id)[1] ~= nil
end

-- Calls `step` for each entry with a record, from behind one id up to another.
local function each(stream, from, upto, step)
  repeat
    local entries = redis.call('XRANGE', stream.key, '(' .. from, upto, 'COUNT', TRIM_STEP)
    for _, entry in ipairs(entries) do
      local record = field(entry, 'b')
      if record then step(entry, record) end
      from = entry[1]
    end
  until #entries < TRIM_STEP
end

-- Whether a record is gone that is the newest of a key and was retained between these ids.
local function lacks_state(from, upto)
  local cursor = '0'
  repeat
    local answer = redis.call('HSCAN', NEWEST, cursor, 'COUNT', STEP)
    cursor = answer[1]
    for i = 1, #answer[2], 2 do
      local id = answer[2][i]
      if newer(id, from) and not newer(id, upto) and redis.call('HEXISTS', RECORDS, id) == 0 then return true end
    end
  until cursor == '0'
  return false
end

-- Records that somebody else has removed, up to this one, are treated as taken by retention, with all before them.
-- Returns whether the state of a key has gone with them.
local function give_up(stream, gone)
  local from = stream.trimmed
  each(stream, from, gone, keep)
  stream.trimmed, stream.count, stream.bytes = gone, 0, 0
  each(stream, gone, '+', function(_, record)
    stream.count, stream.bytes = stream.count + 1, stream.bytes + #record
  end)
  return stream == lasting and lacks_state(from, gone)
end

-- Finds out whether the oldest lasting records were removed.
local function mend_oldest()
  local oldest = redis.call('XRANGE', LOG, '(' .. lasting.trimmed, '+', 'COUNT', 1)[1]
  -- The newest lasting record that is not there: all that matters is that none is between it and the oldest that is.
  local gone = lasting.newest
  if oldest then gone = field(oldest, 'l') or field(oldest, 'p') or lasting.trimmed end
  return newer(gone, lasting.trimmed) and give_up(lasting, gone)
end

-- Finds out what was removed before this entry.
local function mend_before(id)
  local entry = redis.call('XRANGE', LOG, id, id)[1] or redis.call('XRANGE', PASSING, id, id)[1]
  local before = entry and field(entry, 'p')
  if not before then return false end
  local lasting_before = field(entry, 'l') or before
  local function is_gone(stream, id)
    local was_there = newer(id, stream.trimmed) and not newer(id, stream.newest)
    return was_there and not redis.call('XRANGE', stream.key, id, id)[1]
  end
  if before ~= lasting_before and is_gone(passing, before) then give_up(passing, before) end
  return is_gone(lasting, lasting_before) and give_up(lasting, lasting_before)
end

-- The newest record that can still be read from a stream, if it is behind this id.
local function head_of(stream, after)
  if newer(stream.newest, after) and newer(stream.newest, stream.trimmed)
      and redis.call('XRANGE', stream.key, stream.newest, stream.newest)[1] then
    return stream.newest
  end
  return after
end

load()
if refused then return refused end
if not name then
  begin(ARGV[1])
else
  local lacks = mend_oldest()
  if ARGV[9] == name then lacks = mend_before(ARGV[10]) or lacks end
  lacks = lacks or (ARGV[2] == name and not has(ARGV[3], ARGV[4]))
  lacks = lacks or (ARGV[5] == name and not has(ARGV[6], ''))
  lacks = lacks or (ARGV[7] == name and not has_lasting(ARGV[8]))
  -- What somebody has seen is gone: what goes on from here is another log, with what there is of this one.
  if lacks then name = ARGV[1] end
end
trim(lasting, bounds(11))
trim(passing, bounds(14))
save()

local after, missed = lasting.trimmed, true
if ARGV[2] == name and not newer(lasting.trimmed, ARGV[3]) then
  after = ARGV[3]
  missed = newer(passing.trimmed, after)
end
local head = head_of(passing, head_of(lasting, after))
return { 'ok', name, after, head, missed and 1 or 0, passing.trimmed, last }
