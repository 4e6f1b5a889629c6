"""The Lua scripts that Redis runs for us: each is one step that happens whole or not at all.

All may be run twice with the same arguments without harm, because a client repeats what got no answer.
Control scripts begin with `wake()`: Redis refuses growing commands at its `maxmemory` unless the script has already
written, and control must always work.
"""

from __future__ import annotations

import hashlib

from ronda.framework.stream.lua import SHARED


class Script:
    """A Lua script: the names of the keys, the shared functions, and its own body."""

    def __init__(self, body: str) -> None:
        self.text = SHARED + body
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


GREET = Script("""
-- version, maxmemory, limit, comfort, keep -> version that stands in Redis
wake()
call('SETNX', VERSION, ARGV[1])
if not call('HGET', MEMORY, 'configured') then
  call('HSET', MEMORY, 'limit', ARGV[3], 'comfort', ARGV[4])
  call('HSETNX', MEMORY, 'keep', ARGV[5])
end
call('HSET', MEMORY, 'maxmemory', ARGV[2])
call('HSETNX', MEMORY, 'used', 0)
return call('GET', VERSION)
""")

CONTROL_HELD = """
-- Who has control of a session: its token. False if nobody has, or whoever had was not seen for a lease, in s; after a
-- start of Redis all have a lease to come back.
local function seen_by(moment, lease)
  local started = now() - tonumber(string.match(call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
  return now() - math.max(tonumber(moment or 0), started) <= lease
end
local function holder_of(key, lease)
  local holder = call('HGET', key, 'holder')
  return holder and seen_by(call('HGET', key, 'seen ' .. holder), lease) and holder
end
"""

OPEN = Script(
    CONTROL_HELD
    + """
-- id, number counter, number above, start, heading, devices, names, consumers, cost, owner, lease in ms, subscans,
-- must know, key of its session's control or '', who opens it there, lease of control in s, derived devices ->
-- number; -1 if the last number must be known ('1') and is not; -2 if somebody else has control of its session
wake()
local id = ARGV[1]
local scan = scan_key(id)
local number = call('HGET', scan, 'number')
if number then return tonumber(number) end
if ARGV[14] ~= '' then
  local holder = holder_of(ARGV[14], tonumber(ARGV[16]))
  if holder and holder ~= ARGV[15] then return -2 end
end
if ARGV[13] == '1' and call('HEXISTS', NUMBERS, ARGV[2]) == 0 then return -1 end
drop_outdated()
number = math.max(tonumber(call('HGET', NUMBERS, ARGV[2]) or 0), tonumber(ARGV[3])) + 1
call('HSET', NUMBERS, ARGV[2], text(number))
call('HSET', scan, 'number', text(number), 'state', 'PREPARING', 'sentence', '', 'heading', ARGV[5],
  'devices', ARGV[6], 'names', ARGV[7], 'consumers', ARGV[8], 'cost', ARGV[9], 'subscans', ARGV[12])
if ARGV[17] ~= '[]' then call('HSET', scan, 'derived', ARGV[17]) end
for _, device in ipairs(cjson.decode(ARGV[7])) do
  call('HSET', scan, 'first ' .. device, 0, 'granted ' .. device, 0, 'released ' .. device, 0)
  call('XADD', blocks_key(id, device), '0-1', 'scan', id) -- makes the stream: publishers never do
  call('XTRIM', blocks_key(id, device), 'MAXLEN', 0)
  note_safe(scan, device)
end
call('HINCRBY', MEMORY, 'used', ARGV[9])
call('ZADD', SCANS, ARGV[4], id)
for _, line in ipairs(lines_of(id)) do call('XADD', line, '0-1', 'scan', id) end
if ARGV[10] ~= '' then
  call('HSET', scan, 'leased', ARGV[11])
  call('SET', owner_key(id), ARGV[10], 'PX', ARGV[11])
end
tell(id, 'PREPARING', '')
local m = call('HMGET', MEMORY, 'used', 'comfort')
make_room(id, '', tonumber(m[1] or 0), tonumber(m[2] or 0))
return number
"""
)

CONTROL = Script(
    CONTROL_HELD
    + """
-- control's key, action, token, lease in s, who as JSON, active ('1'), token of another one, idle in s ->
-- JSON {now, done, holder, since, former, people by token {who, seen, active, asked}}
wake()
local key, action, me, lease, other = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7]
local time = string.format('%.3f', now())
local function get(field) return call('HGET', key, field) end
local function leave(token)
  if get('holder') == token then call('HDEL', key, 'holder', 'since') end
  call('HDEL', key, 'who ' .. token, 'seen ' .. token, 'active ' .. token, 'asked ' .. token)
end
local function tokens()
  local found = {}
  for _, field in ipairs(call('HKEYS', key)) do
    if string.sub(field, 1, 4) == 'who ' then found[#found + 1] = string.sub(field, 5) end
  end
  return found
end
for _, token in ipairs(tokens()) do
  if token ~= me and not seen_by(get('seen ' .. token), lease) then
    if get('holder') == token then call('HSET', key, 'former', get('who ' .. token)) end
    leave(token)
  end
end
if action ~= 'leave' then
  call('HSET', key, 'who ' .. me, ARGV[5], 'seen ' .. me, time)
  if ARGV[6] == '1' or not get('active ' .. me) then call('HSET', key, 'active ' .. me, time) end
end
local function hand_to(token)
  if get('holder') ~= token then call('HSET', key, 'holder', token, 'since', time) end
  call('HDEL', key, 'asked ' .. token)
  return true
end
local done = true
local holder = get('holder')
if action == 'free' then
  done = (not holder or holder == me) and hand_to(me)
elseif action == 'take' then
  local idle = holder and now() - tonumber(get('active ' .. holder)) >= tonumber(ARGV[8])
  done = (not holder or holder == me or idle) and hand_to(me)
elseif action == 'ask' then
  if holder ~= me and not get('asked ' .. me) then call('HSET', key, 'asked ' .. me, time) end
elseif action == 'give' then
  done = (holder == me or holder == other) and get('who ' .. other) and hand_to(other)
elseif action == 'leave' then
  leave(me)
end
call('PEXPIRE', key, 86400000)
local people = {}
for _, token in ipairs(tokens()) do
  people[token] = {who = get('who ' .. token), seen = get('seen ' .. token), active = get('active ' .. token),
    asked = get('asked ' .. token) or '0'}
end
local answer = {now = time, done = not not done, holder = get('holder') or '', since = get('since') or '0',
  former = get('former') or '', people = people}
if get('holder') then call('HDEL', key, 'former') end
return cjson.encode(answer)
"""
)

PLACE = Script("""
-- session's key, field, expected, new -> what stands there now; the new one is taken only if the expected one was there
wake()
local now = call('HGET', ARGV[1], ARGV[2])
if (now or '{}') ~= ARGV[3] then return now or '{}' end
call('HSET', ARGV[1], ARGV[2], ARGV[4])
return ARGV[4]
""")

LOG = Script("""
-- logbook, key of the token, most entries, session's key or '', field of its place, then the fields of the entry ->
-- id of the entry, '' if it was made before
wake()
if not call('SET', ARGV[2], '1', 'NX', 'EX', 3600) then return '' end
local fields = {unpack(ARGV, 6)}
if ARGV[4] ~= '' then
  fields[#fields + 1] = 'place'
  fields[#fields + 1] = call('HGET', ARGV[4], ARGV[5]) or '{}'
end
return call('XADD', ARGV[1], 'MAXLEN', '~', ARGV[3], '*', unpack(fields))
""")

REACHED = Script("""
-- readers, reader, place ->
wake()
call('HSET', ARGV[1], ARGV[2], ARGV[3])
""")

STATE = Script("""
-- id, state, sentence -> 'done' | 'refused' | 'gone', state before
wake()
return set_state(ARGV[1], ARGV[2], ARGV[3])
""")

EXTENT = Script("""
-- id, devices... -> 'gone' | for each device oldest index, length, bytes, granted, released, end, publisher; or nothing
if call('EXISTS', scan_key(ARGV[1])) == 0 then return 'gone' end
local answer = {}
for i = 2, #ARGV do answer[i - 1] = extent_of(ARGV[1], ARGV[i]) end
return answer
""")

ATTACH = Script("""
-- id, device, token -> 'gone' | 'unknown' | as EXTENT for the device
wake()
local scan = scan_key(ARGV[1])
if call('EXISTS', scan) == 0 then return 'gone' end
if call('HEXISTS', scan, 'first ' .. ARGV[2]) == 0 then return 'unknown' end
if call('HEXISTS', scan, 'end ' .. ARGV[2]) == 0 then call('HSET', scan, 'publisher ' .. ARGV[2], ARGV[3]) end
return extent_of(ARGV[1], ARGV[2])
""")

GRANT = Script("""
-- id, device, bytes needed in all, bytes wished beyond -> bytes used, limit, bytes granted in all
wake()
local id, device, needed, wished = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local scan = scan_key(id)
local granted = call('HGET', scan, 'granted ' .. device)
local m = call('HMGET', MEMORY, 'used', 'limit', 'comfort')
local used, limit, comfort = tonumber(m[1] or 0), tonumber(m[2] or 0), tonumber(m[3] or 0)
if not granted or call('HEXISTS', scan, 'end ' .. device) == 1 then return {used, limit, needed} end
granted = tonumber(granted)
needed = math.max(needed - granted, 0)
wished = needed + math.min(wished, math.floor(limit / 32)) -- a small bound is not for one device alone
if used + wished > comfort then used = make_room(id, device, used, comfort - wished) end
if used + wished > limit then wished = needed end
if used + wished > limit then used = make_room_everywhere(used, limit - wished) end
if used + wished > limit then return {used, limit, granted} end
call('HSET', scan, 'granted ' .. device, text(granted + wished))
call('HINCRBY', MEMORY, 'used', text(wished))
return {used + wished, limit, granted + wished}
""")

END = Script("""
-- id, device, token ('' for any), kind, length ('' for what is there), sentence ->
-- length | 'gone' | 'replaced' | {'ended', end} | {'length', length}
wake()
local id, device = ARGV[1], ARGV[2]
local v = call('HMGET', scan_key(id), 'first ' .. device, 'publisher ' .. device, 'end ' .. device)
if not v[1] then return 'gone' end
if v[3] then
  local known = cjson.decode(v[3])
  if known.kind == ARGV[4] and (ARGV[5] == '' or known.length == tonumber(ARGV[5])) then return known.length end
  return {'ended', v[3]}
end
if ARGV[3] ~= '' and v[2] ~= ARGV[3] then return 'replaced' end
local length = tail_of(id, device)
if ARGV[5] ~= '' and tonumber(ARGV[5]) ~= length then return {'length', length} end
end_device(id, device, ARGV[4], ARGV[6])
return length
""")

ACKNOWLEDGE = Script("""
-- id, consumer, then device and position in turn -> 'done' | 'gone' | 'unknown'
wake()
local id, consumer = ARGV[1], ARGV[2]
local scan = scan_key(id)
local v = call('HMGET', scan, 'consumers', 'names')
if not v[1] then return 'gone' end
local known = false
for _, name in ipairs(cjson.decode(v[1])) do known = known or name == consumer end
if not known then return 'unknown' end
for i = 3, #ARGV, 2 do
  local field = 'position ' .. consumer .. ' ' .. ARGV[i]
  if tonumber(ARGV[i + 1]) > tonumber(call('HGET', scan, field) or 0) then
    call('HSET', scan, field, ARGV[i + 1])
    note_safe(scan, ARGV[i])
  end
end
local m = call('HMGET', MEMORY, 'used', 'comfort')
local used, comfort = tonumber(m[1] or 0), tonumber(m[2] or 0)
for i = 3, #ARGV, 2 do
  if used > comfort then used = make_room(id, ARGV[i], used, comfort) end
end
return 'done'
""")

NO_LONGER_WAITS = Script("""
-- id, consumer, 'done' | 'optional', who says so -> 'done' | 'gone' | 'unknown'
wake()
local id, consumer = ARGV[1], ARGV[2]
local scan = scan_key(id)
local consumers = call('HGET', scan, 'consumers')
if not consumers then return 'gone' end
local known = false
for _, name in ipairs(cjson.decode(consumers)) do known = known or name == consumer end
if not known then return 'unknown' end
call('HSET', scan, ARGV[3] .. ' ' .. consumer, ARGV[4])
note_safe_all(scan)
note_expendable(id)
drop_outdated()
return 'done'
""")

NOTE = Script("""
-- id, consumer, text -> 'done' | 'gone' | 'unknown'
wake()
local scan = scan_key(ARGV[1])
local consumers = call('HGET', scan, 'consumers')
if not consumers then return 'gone' end
for _, name in ipairs(cjson.decode(consumers)) do
  if name == ARGV[2] then
    call('HSET', scan, 'note ' .. name, ARGV[3])
    return 'done'
  end
end
return 'unknown'
""")

ORDER = Script("""
-- id, order, who -> 'done' | 'gone' | 'over'
wake()
local state = call('HGET', scan_key(ARGV[1]), 'state')
if not state then return 'gone' end
if ENDED[state] then return 'over' end
give_order(ARGV[1], ARGV[2], ARGV[3])
return 'done'
""")

RENEW = Script("""
-- id, owner, lease in ms -> 'held' | 'lost' | 'over'
wake()
local state = call('HGET', scan_key(ARGV[1]), 'state')
if not state or ENDED[state] then return 'over' end
local holder = call('GET', owner_key(ARGV[1]))
if holder and holder ~= ARGV[2] then return 'lost' end
call('SET', owner_key(ARGV[1]), ARGV[2], 'PX', ARGV[3])
return 'held'
""")

FAIL_ORPHAN = Script("""
-- id, sentence -> 'failed' | 'owned'
wake()
local scan = scan_key(ARGV[1])
if call('EXISTS', owner_key(ARGV[1])) == 1 or not call('HGET', scan, 'leased') then return 'owned' end
local answer = set_state(ARGV[1], 'FAILED', ARGV[2])
return answer[1] == 'done' and answer[2] ~= 'FAILED' and 'failed' or 'owned'
""")

FIRE = Script("""
-- id, index, attempt, fired, expiry, point, subscan -> 'fired' | 'repeated' | 'over' | 'gone'
wake()
local id = ARGV[1]
local state = call('HGET', scan_key(id), 'state')
if not state then return 'gone' end
if ENDED[state] then return 'over' end
local line = line_key(id, ARGV[7])
local entry = {text(ARGV[2] + 1), tonumber(ARGV[3])}
local last = call('XREVRANGE', line, '+', '-', 'COUNT', 1)[1]
local index, attempt = string.match(last and last[1] or '0-0', '^(%d+)-(%d+)$')
if tonumber(index) > ARGV[2] + 1 or (tonumber(index) == ARGV[2] + 1 and tonumber(attempt) >= entry[2]) then
  return 'repeated'
end
call('XADD', line, 'MAXLEN', '~', 1000, entry[1] .. '-' .. ARGV[3], 'scan', id, 'index', ARGV[2], 'fired', ARGV[4],
  'expiry', ARGV[5], 'point', ARGV[6])
return 'fired'
""")

KEEP_WORK = Script("""
-- work, id of an entry, worker -> 'held' | 'lost'; who has it keeps it from being claimed by others
wake()
local pending = call('XPENDING', ARGV[1], 'workers', ARGV[2], ARGV[2], 1)[1]
if not pending or pending[2] ~= ARGV[3] then return 'lost' end
call('XCLAIM', ARGV[1], 'workers', ARGV[3], 0, ARGV[2], 'JUSTID')
return 'held'
""")

HAND_IN = Script("""
-- work, done, id of an entry, worker, then fields of the result -> 'done' | 'late'; only who has an entry may hand in
wake()
if call('EXISTS', ARGV[1]) == 0 then return 'late' end
local pending = call('XPENDING', ARGV[1], 'workers', ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[4] then return 'late' end
call('XADD', ARGV[2], '*', unpack(ARGV, 5))
call('PEXPIRE', ARGV[2], 86400000)
call('XACK', ARGV[1], 'workers', ARGV[3])
call('XDEL', ARGV[1], ARGV[3])
return 'done'
""")
