import { createHash } from 'node:crypto';

/** A Lua script, run as one indivisible step on the slot of its keys. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

/** A script that a full Redis refuses. */
export function script(name: string, lua: string): Script {
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** A script that runs even when Redis is full: it writes little, and without it nobody could make room. */
export function indispensable(name: string, lua: string): Script {
  return script(name, `#!lua flags=allow-oom\n${lua}`);
}

/**
 * The time, and the replication ID of the server: it names one history of the data. A server that takes over, or starts again,
 * has another one, since what it holds may lack the newest that was kept.
 */
export const timeAndHistory = `
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local replicationId
local function history()
  replicationId = replicationId or string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
  return replicationId
end
`;

/**
 * Appends to a place the entries from `ARGV[first]` on, each after its number of messages. A tail is `<last position>
 * <bytes> <messages> <messages that no stage brought>`, all since ever.
 *
 * No position is given out twice, as stages and stores remember how far they were: in a new history of the data they go on
 * above a floor that none before can have reached, milliseconds since 1970 times 1,024. The hash of tails has it, as
 * `history`: `<replication ID> <floor>`.
 */
export const addEntries = `${timeAndHistory}
local function whole(number) return string.format('%.0f', number) end
local function partsOf(tail)
  local position, total, messages, entered = string.match(tail, '^(%d+) (%d+) (%d+) (%d+)$')
  return tonumber(position), tonumber(total), tonumber(messages), tonumber(entered)
end
local function tailOf(tails, field) return partsOf(redis.call('HGET', tails, field) or '0 0 0 0') end
local function floorIn(line) return string.match(line or '', '^(%x*) (%d+)$') end
local function floorOf(tails)
  local known, floor = floorIn(redis.call('HGET', tails, 'history'))
  if known == history() then return tonumber(floor) end
  floor = known and now() * 1024 or 0
  redis.call('HSET', tails, 'history', history() .. ' ' .. whole(floor))
  return floor
end
local function add(key, tails, field, at, first, count, enters, floor)
  local position, total, messages, entered = tailOf(tails, field)
  position = math.max(position, floor)
  local before = messages
  for index = first, first + (count - 1) * 2, 2 do
    position = position + 1
    total = total + #ARGV[index + 1]
    redis.call('XADD', key, '0-' .. whole(position), 'data', ARGV[index + 1], 'at', at, 'total', whole(total),
      'before', whole(messages))
    messages = messages + tonumber(ARGV[index])
  end
  if enters then entered = entered + messages - before end
  redis.call('HSET', tails, field, table.concat({ whole(position), whole(total), whole(messages), whole(entered) }, ' '))
end
local function addPlaces(firstKey, tails, at, index, enters)
  local floor = #KEYS >= firstKey and floorOf(tails)
  for key = firstKey, #KEYS do
    local count = tonumber(ARGV[index + 3])
    add(KEYS[key], tails, ARGV[index], at, index + 4, count, enters, floor)
    redis.call('PUBLISH', ARGV[index + 1], ARGV[index + 2])
    index = index + 4 + count * 2
  end
  return index
end
`;

/** Positions in ids, and how far the groups of a stream are. */
export const positionsAndGroups = `
local function positionIn(id) return tonumber(string.match(id, '%-(%d+)$')) end
local function groupsOf(key)
  local found = {}
  local groups = redis.pcall('XINFO', 'GROUPS', key)
  if groups.err then return found end
  for _, group in ipairs(groups) do
    local one = {}
    for index = 1, #group, 2 do one[group[index]] = group[index + 1] end
    found[#found + 1] = { name = one['name'], acknowledged = positionIn(one['last-delivered-id']) }
  end
  return found
end
`;

/**
 * Whether what was granted has ended with the history of the data that it was granted in: what its owner has in memory may
 * be ahead of what is kept now.
 */
export const grants = `
local function hasEnded(token, granted)
  local whose, id = string.match(granted or '', '^(%S+) (%x*)$')
  return whose == token and id ~= history()
end
`;
