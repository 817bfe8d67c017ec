-- Says where a tail starts; and finds out whether the log here is still the one that the caller knows.
--
-- ARGV: what to name the log if it is a new one; the log the caller follows and the last id it saw there, both empty if
-- none; the record of that id, empty if it does not have it any more; the log and the id of the newest entry that it
-- knows to be taken, or both empty; the bounds.
--
-- Returns `ok`, the name of the log, the id to start behind, the newest id there is to read, whether passing records
-- are missed (1 or 0), up to which id they may be, and the last id that was given; or `format`, where that is not this
-- one.

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

-- Lasting records that somebody else has removed are treated as taken by retention.
local function mend()
  local oldest = redis.call('XRANGE', LOG, '(' .. lasting.trimmed, '+', 'COUNT', 1)[1]
  -- The newest lasting record that is not there: all that matters is that none is between it and the oldest that is.
  local gone = lasting.newest
  if oldest then gone = field(oldest, 'l') or field(oldest, 'p') or lasting.trimmed end
  if not newer(gone, lasting.trimmed) then return end
  lasting.trimmed, lasting.count, lasting.bytes = gone, 0, 0
  local from = '(' .. gone
  repeat
    local entries = redis.call('XRANGE', LOG, from, '+', 'COUNT', TRIM_STEP)
    for _, entry in ipairs(entries) do
      local record = field(entry, 'b')
      if record then lasting.count, lasting.bytes = lasting.count + 1, lasting.bytes + #record end
      from = '(' .. entry[1]
    end
  until #entries < TRIM_STEP
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
if format and format ~= FORMAT then return { 'format', format } end
if not name then
  begin(ARGV[1])
else
  mend()
  local lacks_asked = ARGV[2] == name and not has(ARGV[3], ARGV[4])
  local lacks_known = ARGV[5] == name and not has(ARGV[6], '')
  -- Entries that somebody has seen are gone: what goes on from here is another log, with what there is of this one.
  if lacks_asked or lacks_known then name = ARGV[1] end
end
trim(lasting, bounds(7))
trim(passing, bounds(10))
save()

local after, missed = lasting.trimmed, true
if ARGV[2] == name and not newer(lasting.trimmed, ARGV[3]) then
  after = ARGV[3]
  missed = newer(passing.trimmed, after)
end
local head = head_of(passing, head_of(lasting, after))
return { 'ok', name, after, head, missed and 1 or 0, passing.trimmed, last }
