"""The Lua functions that our scripts share: accounting, trimming, and the ends of devices and scans."""

from __future__ import annotations

from ronda.framework.stream import keys

ENTRY_COST = 100
FIELD_COST = 24
"""What the accounting adds for an entry and for each of its fields to their bytes: what Redis needs around them."""

LAST_ID = "18446744073709551615-18446744073709551615"
"""The highest id there is: a stream that has it takes no more entries."""

SHARED = (
    keys.LUA
    + f"""
local ENTRY_COST, FIELD_COST, LAST_ID = {ENTRY_COST}, {FIELD_COST}, '{LAST_ID}'
"""
    + """
local ENDED = {COMPLETED = true, ABORTED = true, FAILED = true}
local ALLOWED = {
  PREPARING = {RUNNING = true, ABORTED = true, FAILED = true},
  RUNNING = {PAUSED = true, COMPLETED = true, ABORTED = true, FAILED = true},
  PAUSED = {RUNNING = true, ABORTED = true, FAILED = true},
}
local call = redis.call

local function wake() call('DEL', ABSENT) end
local function text(number) return string.format('%.0f', number + 0) end -- + 0 makes 0 of -0
local function now()
  local t = call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end

local function tell(id, state, sentence)
  call('XADD', NEWS, 'MAXLEN', '~', 2000, '*', 'scan', id, 'number', call('HGET', scan_key(id), 'number') or '',
    'state', state, 'sentence', sentence)
end

-- Takes a scan out of memory; returns the bytes that this gives back.
local function drop(id)
  local scan = scan_key(id)
  local freed = tonumber(call('HGET', scan, 'cost') or 0)
  tell(id, 'GONE', '')
  for _, device in ipairs(cjson.decode(call('HGET', scan, 'names') or '[]')) do
    local bytes = call('HMGET', scan, 'granted ' .. device, 'released ' .. device)
    freed = freed + bytes[1] - bytes[2]
    call('UNLINK', blocks_key(id, device))
  end
  call('UNLINK', unpack(lines_of(id)))
  call('UNLINK', scan, owner_key(id), orders_key(id))
  call('ZREM', SCANS, id)
  call('ZREM', EXPENDABLE, id)
  call('HINCRBY', MEMORY, 'used', text(-freed))
  return freed
end

local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function end_of(entry) return tonumber(string.match(entry[1], '^%d+')) end

-- What the accounting counts for an entry: the same as its publisher does.
local function cost_of(entry)
  local cost = ENTRY_COST + FIELD_COST * #entry[2] / 2
  for _, field in ipairs(entry[2]) do cost = cost + #field end
  return cost
end

-- Number of points that a device has published, and bytes of all its blocks.
local function tail_of(id, device)
  local known = call('HGET', scan_key(id), 'end ' .. device)
  if known then
    known = cjson.decode(known)
    return known.length, known.bytes
  end
  local newest = call('XREVRANGE', blocks_key(id, device), '+', '-', 'COUNT', 1)[1]
  if newest then return end_of(newest), fields_of(newest)['.before'] + cost_of(newest) end
  local bytes = tonumber(call('HGET', scan_key(id), 'released ' .. device) or 0)
  if call('EXISTS', blocks_key(id, device)) == 0 then return 0, bytes end
  local info = call('XINFO', 'STREAM', blocks_key(id, device))
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')), bytes end
  end
end

-- Oldest index in memory, number of points, bytes of all blocks, bytes granted, bytes released, end.
local function extent_of(id, device)
  local v = call('HMGET', scan_key(id), 'first ' .. device, 'granted ' .. device, 'released ' .. device,
    'end ' .. device, 'publisher ' .. device)
  if not v[1] then return false end
  local length, bytes = tail_of(id, device)
  return {tonumber(v[1]), length, bytes, tonumber(v[2]), tonumber(v[3]), v[4], v[5]}
end

-- Trims the oldest blocks of a device that every consumer has, until `need` bytes are free; returns the bytes freed.
local function release(id, device, need)
  local scan, blocks = scan_key(id), blocks_key(id, device)
  local v = call('HMGET', scan, 'first ' .. device, 'safe ' .. device, 'released ' .. device)
  if not v[1] or v[2] and tonumber(v[2]) <= tonumber(v[1]) then return 0 end
  local oldest = call('XRANGE', blocks, '-', '+', 'COUNT', 1)[1]
  if not oldest then return 0 end
  local released, fields = tonumber(v[3]), fields_of(oldest)
  if not fields['.count'] then return 0 end
  local length, bytes = tail_of(id, device)
  local first = end_of(oldest) - fields['.count']
  local target = first + math.ceil((length - first) * need / (bytes - released))
  target = math.min(math.max(target, end_of(oldest)), v[2] and tonumber(v[2]) or length)
  call('XTRIM', blocks, 'MINID', text(target) .. '-1')
  oldest = call('XRANGE', blocks, '-', '+', 'COUNT', 1)[1]
  local remaining, before = length, bytes
  if oldest then
    fields = fields_of(oldest)
    remaining, before = end_of(oldest) - (fields['.count'] or 0), tonumber(fields['.before'])
  end
  if before == released then return 0 end
  call('HSET', scan, 'first ' .. device, text(remaining), 'released ' .. device, text(before))
  call('HINCRBY', MEMORY, 'used', text(released - before))
  return before - released
end

-- Makes room until no more than `mark` bytes are used: ended scans that nobody waits for, the oldest first, then
-- blocks of this device. Returns the bytes used.
local function make_room(id, device, used, mark)
  while used > mark do
    local oldest = call('ZRANGE', EXPENDABLE, 0, 0)[1]
    if not oldest then break end
    used = used - drop(oldest)
  end
  if used > mark then used = used - release(id, device, used - mark) end
  return used
end

-- The same among all scans.
local function make_room_everywhere(used, mark)
  for _, id in ipairs(call('ZRANGE', SCANS, 0, -1)) do
    for _, device in ipairs(cjson.decode(call('HGET', scan_key(id), 'names') or '[]')) do
      if used <= mark then return used end
      used = used - release(id, device, used - mark)
    end
  end
  return used
end

local function waits(scan, consumer)
  local v = call('HMGET', scan, 'done ' .. consumer, 'optional ' .. consumer)
  return not v[1] and not v[2]
end

-- Notes up to where every consumer has the device's points; without consumers that is all of them.
local function note_safe(scan, device)
  local safe = nil
  for _, consumer in ipairs(cjson.decode(call('HGET', scan, 'consumers'))) do
    if waits(scan, consumer) then
      local position = tonumber(call('HGET', scan, 'position ' .. consumer .. ' ' .. device) or 0)
      if not safe or position < safe then safe = position end
    end
  end
  if safe then call('HSET', scan, 'safe ' .. device, text(safe)) else call('HDEL', scan, 'safe ' .. device) end
end

local function note_safe_all(scan)
  for _, device in ipairs(cjson.decode(call('HGET', scan, 'names'))) do note_safe(scan, device) end
end

-- An ended scan for which no consumer waits may leave when its time is over, or when there is no room.
local function note_expendable(id)
  local scan = scan_key(id)
  local ended = call('HGET', scan, 'ended')
  if not ended or call('ZSCORE', EXPENDABLE, id) then return end
  for _, consumer in ipairs(cjson.decode(call('HGET', scan, 'consumers'))) do
    if waits(scan, consumer) then return end
  end
  call('ZADD', EXPENDABLE, tonumber(ended) + tonumber(call('HGET', MEMORY, 'keep') or 0), id)
end

local function drop_outdated()
  for _, id in ipairs(call('ZRANGEBYSCORE', EXPENDABLE, '-inf', now(), 'LIMIT', 0, 100)) do drop(id) end
end

-- The last entry of a device; after it Redis itself refuses every block.
local function end_device(id, device, kind, sentence)
  local scan, blocks = scan_key(id), blocks_key(id, device)
  local length, bytes = tail_of(id, device)
  call('HINCRBY', MEMORY, 'used', text(bytes - call('HGET', scan, 'granted ' .. device)))
  call('HSET', scan, 'granted ' .. device, text(bytes), 'end ' .. device,
    cjson.encode({kind = kind, length = length, bytes = bytes, sentence = sentence}))
  call('XADD', blocks, text(length) .. '-2', '.before', text(bytes), '.end', kind, '.length', text(length),
    '.sentence', sentence)
  call('XSETID', blocks, LAST_ID)
end

local function give_order(id, order, who)
  call('XADD', orders_key(id), 'MAXLEN', '~', 100, '*', 'order', order, 'who', who)
end

local function set_state(id, state, sentence)
  local scan = scan_key(id)
  local old = call('HGET', scan, 'state')
  if not old then return {'gone', ''} end
  if old == state then
    if state == 'PAUSED' and call('HGET', scan, 'sentence') ~= sentence then -- it waits for something else now
      call('HSET', scan, 'sentence', sentence)
      tell(id, state, sentence)
    end
    return {'done', old}
  end
  if not (ALLOWED[old] and ALLOWED[old][state]) then return {'refused', old} end
  call('HSET', scan, 'state', state, 'sentence', sentence)
  tell(id, state, sentence)
  if ENDED[state] then
    call('HSET', scan, 'ended', string.format('%.6f', now()))
    local own_end = {} -- devices whose points are computed from those of others go on after the scan
    for _, device in ipairs(cjson.decode(call('HGET', scan, 'derived') or '[]')) do own_end[device] = true end
    for _, device in ipairs(cjson.decode(call('HGET', scan, 'names'))) do
      if not own_end[device] and not call('HGET', scan, 'end ' .. device) then
        end_device(id, device, 'over', sentence ~= '' and sentence or 'the scan is ' .. state)
      end
    end
    for _, line in ipairs(lines_of(id)) do -- takes no more triggers
      if call('EXISTS', line) == 1 then call('XSETID', line, LAST_ID) end
    end
    call('DEL', owner_key(id))
    give_order(id, 'over', '') -- whoever waits for orders need not wait any longer
    note_expendable(id)
    drop_outdated()
  end
  return {'done', old}
end
"""
)
