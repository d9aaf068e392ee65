import {
  addEntries,
  grants,
  indispensable,
  positionsAndGroups,
  type Script,
  script,
  timeAndHistory,
} from './script-parts.js';

/**
 * An append. KEYS: producer, tails, then the streams. ARGV: sequence, seconds the producer is remembered, time, then for
 * each stream its field, channel, notice, number of entries, (messages, entry)... Answers 0 where it had been kept already.
 */
export const appendScript = script(
  'append',
  `${addEntries}
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
addPlaces(3, KEYS[2], ARGV[3], 4, true)
return 1`,
);

/**
 * What comes out of another partition's outbox. KEYS: arrived, tails, then the streams. ARGV: position of the last entry in
 * the outbox, name of the outbox, time, number of entries, then for each its position, number of its key, field, channel,
 * notice, messages, entry. Those that have arrived before are left out.
 */
export const arriveScript = indispensable(
  'arrive',
  `${addEntries}
local arrived = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0')
if arrived >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[1])
local floor = floorOf(KEYS[2])
for entry = 0, tonumber(ARGV[4]) - 1 do
  local index = 5 + entry * 7
  if tonumber(ARGV[index]) > arrived then
    add(KEYS[tonumber(ARGV[index + 1])], KEYS[2], ARGV[index + 2], ARGV[3], index + 5, 1, false, floor)
    redis.call('PUBLISH', ARGV[index + 3], ARGV[index + 4])
  end
end
return 1`,
);

/**
 * A stage's commit. KEYS: owner, source, state, commits, outbox, tails, then the streams it appends to. ARGV: token ('' for
 * none), producer, sequence, name of the source, group, position to acknowledge ('' for none), field of the source, time,
 * messages given up, number of keys set, (key, value)..., number of keys removed, keys..., number of entries for other partitions,
 * (partition, field, entry)..., then as for an append.
 *
 * Where Redis is full, a commit that only acknowledges is still kept, because that is what makes room: its first write is
 * one that a full Redis takes, and the rest of a script follows its first write. Any other begins with one that it refuses.
 */
export const commitScript = script(
  'commit',
  `${addEntries}${positionsAndGroups}${grants}
local before = redis.call('HGET', KEYS[4], ARGV[4]) or ''
local producer, sequence = string.match(before, '^(%S+) (%d+)')
if producer == ARGV[2] and tonumber(sequence) >= tonumber(ARGV[3]) then return {'kept'} end
local owner = redis.call('HMGET', KEYS[1], 'token', 'until', 'granted')
if ARGV[1] ~= '' then
  if owner[1] ~= ARGV[1] or hasEnded(owner[1], owner[3]) then return {'fenced'} end
elseif owner[2] and tonumber(owner[2]) > now() then return {'fenced'} end
local upTo = tonumber(ARGV[6])
local known = false
if upTo then
  local acknowledged = 0
  for _, group in ipairs(groupsOf(KEYS[2])) do
    if group.name == ARGV[5] then
      known = true
      acknowledged = group.acknowledged
    end
  end
  local last = tailOf(KEYS[6], ARGV[7])
  if upTo < acknowledged or upTo > last then return {'range', whole(acknowledged), whole(last)} end
end
local sets = tonumber(ARGV[10])
local removals = tonumber(ARGV[11 + sets * 2])
local foreign = tonumber(ARGV[12 + sets * 2 + removals])
local kept = ARGV[2] .. ' ' .. ARGV[3]
local reached = upTo and ARGV[6] or string.match(before, '^%S+ %d+ (%d+)$')
if reached then kept = kept .. ' ' .. reached end
if known and foreign == 0 and #KEYS == 6 then
  redis.call('XGROUP', 'SETID', KEYS[2], ARGV[5], '0-' .. ARGV[6], 'ENTRIESREAD', ARGV[6])
  redis.call('HSET', KEYS[4], ARGV[4], kept)
else
  redis.call('HSET', KEYS[4], ARGV[4], kept)
  if upTo and not known then redis.call('XGROUP', 'CREATE', KEYS[2], ARGV[5], '0', 'MKSTREAM', 'ENTRIESREAD', '0') end
  if upTo then redis.call('XGROUP', 'SETID', KEYS[2], ARGV[5], '0-' .. ARGV[6], 'ENTRIESREAD', ARGV[6]) end
end
if tonumber(ARGV[9]) > 0 then redis.call('HINCRBY', KEYS[4], 'given up ' .. ARGV[4], ARGV[9]) end
local index = 11
while sets > 0 do
  local some = math.min(sets, 500)
  redis.call('HSET', KEYS[3], unpack(ARGV, index, index + some * 2 - 1))
  index = index + some * 2
  sets = sets - some
end
index = index + 1
while removals > 0 do
  local some = math.min(removals, 500)
  redis.call('HDEL', KEYS[3], unpack(ARGV, index, index + some - 1))
  index = index + some
  removals = removals - some
end
index = index + 1
local function post(id)
  return redis.call('XADD', KEYS[5], id, 'partition', ARGV[index], 'field', ARGV[index + 1], 'data', ARGV[index + 2])
end
local floor = foreign > 0 and floorOf(KEYS[6])
for _ = 1, foreign do
  local id = post('0-*')
  if positionIn(id) <= floor then
    redis.call('XDEL', KEYS[5], id)
    post('0-' .. whole(floor + 1))
  end
  index = index + 3
end
addPlaces(7, KEYS[6], ARGV[8], index, false)
return {'kept'}`,
);

/**
 * Where streams of a partition stand. KEYS: tails, commits, then the streams; ARGV: field, stream, lane of each and the groups
 * that are asked for, with spaces between ('' for all there are). Answers for each: 0 where nothing has ever been appended, else
 * last position, bytes, messages and entered messages since ever, and per group: name, acknowledged position, time of its
 * oldest unacknowledged entry ('' for none), bytes since ever before that entry, messages up to the acknowledged position,
 * messages given up, entries unacknowledged (exact with one floor among them; never more than there are). How far a group is is in its last commit; Redis' own word on its groups costs ten times as much, and is
 * asked for where there has been none.
 */
export const standingScript = script(
  'standing',
  `${addEntries}${positionsAndGroups}
local function hashOf(key)
  local flat = redis.call('HGETALL', key)
  local hash = {}
  for index = 1, #flat, 2 do hash[flat[index]] = flat[index + 1] end
  return hash
end
local tails, commits = hashOf(KEYS[1]), hashOf(KEYS[2])
local function standingOf(key, stream, lane, names)
  local standing = {}
  local complete = names ~= ''
  for name in string.gmatch(names, '%S+') do
    local commit = commits[stream .. ' ' .. name .. ' ' .. lane] or ''
    local acknowledged = tonumber(string.match(commit, '^%S+ %d+ (%d+)$'))
    standing[#standing + 1] = { name = name, acknowledged = acknowledged }
    complete = complete and acknowledged ~= nil
  end
  if complete then return standing end
  local wanted = {}
  for _, group in ipairs(standing) do wanted[group.name] = true end
  local found = {}
  for _, group in ipairs(groupsOf(key)) do
    if names == '' or wanted[group.name] then found[#found + 1] = group end
  end
  return found
end
local _, floor = floorIn(tails['history'])
floor = tonumber(floor or '0')
local function countAfter(key, acknowledged, last)
  if floor == 0 then return last - acknowledged end
  local count = last - acknowledged
  if acknowledged < floor and floor < last then
    local before = redis.call('XREVRANGE', key, '0-' .. whole(floor), '(0-' .. whole(acknowledged), 'COUNT', 1)[1]
    count = last - floor + (before and positionIn(before[1]) - acknowledged or 0)
  end
  return math.min(count, redis.call('XLEN', key))
end
local answer = {}
for key = 3, #KEYS do
  local argument = (key - 3) * 4
  local field, stream, lane = ARGV[argument + 1], ARGV[argument + 2], ARGV[argument + 3]
  if not tails[field] then
    answer[#answer + 1] = 0
  else
    local position, total, messages, entered = partsOf(tails[field])
    local one = { whole(position), whole(total), whole(messages), whole(entered) }
    for _, group in ipairs(standingOf(KEYS[key], stream, lane, ARGV[argument + 4])) do
      local at, before, counted = '', whole(total), whole(messages)
      if group.acknowledged < position then
        local oldest = redis.call('XRANGE', KEYS[key], '(0-' .. whole(group.acknowledged), '+', 'COUNT', 1)[1]
        if oldest then
          at = oldest[2][4]
          before = whole(tonumber(oldest[2][6]) - #oldest[2][2])
          counted = oldest[2][8]
        end
      end
      local givenUp = commits['given up ' .. stream .. ' ' .. group.name .. ' ' .. lane] or '0'
      local owed = whole(countAfter(KEYS[key], group.acknowledged, position))
      one[#one + 1] = { group.name, whole(group.acknowledged), at, before, counted, givenUp, owed }
    end
    answer[#answer + 1] = one
  end
end
return answer`,
);

/**
 * What of a stream may go: the entries that every group has acknowledged, in about ARGV[2] pieces. KEYS: stream, tails.
 * ARGV: field, pieces. Answers the bytes since ever before the first entry, those in all, and per piece its last position,
 * the latest time in it as far as looked at, and the bytes since ever at its end.
 */
export const piecesScript = script(
  'pieces',
  `${addEntries}${positionsAndGroups}
local limit, total = tailOf(KEYS[2], ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return { whole(total), whole(total) } end
local answer = { whole(tonumber(first[2][6]) - #first[2][2]), whole(total) }
for _, group in ipairs(groupsOf(KEYS[1])) do limit = math.min(limit, group.acknowledged) end
local step = math.ceil(math.min(limit - positionIn(first[1]) + 1, redis.call('XLEN', KEYS[1])) / tonumber(ARGV[2]))
local latest = tonumber(first[2][4])
while first and positionIn(first[1]) <= limit do
  local most = math.min(limit, positionIn(first[1]) + step - 1)
  local last = redis.call('XREVRANGE', KEYS[1], '0-' .. whole(most), first[1], 'COUNT', 1)[1]
  latest = math.max(latest, tonumber(last[2][4]))
  answer[#answer + 1] = { whole(positionIn(last[1])), whole(latest), last[2][6] }
  first = redis.call('XRANGE', KEYS[1], '(' .. last[1], '+', 'COUNT', 1)[1]
end
return answer`,
);

/** Cuts a stream up to a position, never past what a group owes. KEYS: stream. ARGV: position. Answers how many went. */
export const cutScript = indispensable(
  'cut',
  `${positionsAndGroups}
local upTo = tonumber(ARGV[1])
for _, group in ipairs(groupsOf(KEYS[1])) do upTo = math.min(upTo, group.acknowledged) end
return redis.call('XTRIM', KEYS[1], 'MINID', '0-' .. string.format('%.0f', upTo + 1))`,
);

/**
 * Memory of the server that has a key: of a cluster, each has its own. KEYS: one. Answers the server's id, the bytes that it
 * uses and those that it may use, 0 for all that the machine has.
 */
export const memoryScript = script(
  'memory',
  `
local memory = redis.call('INFO', 'memory')
return {
  string.match(redis.call('INFO', 'server'), 'run_id:(%w+)'),
  string.match(memory, 'used_memory:(%d+)'),
  string.match(memory, 'maxmemory:(%d+)'),
}`,
);

/** A member says that it is there. KEYS: members. ARGV: id, milliseconds after which a silent one is gone. Answers all ids. */
export const hereScript = indispensable(
  'here',
  `${timeAndHistory}
local time = now()
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', time))
local found = redis.call('HGETALL', KEYS[1])
local ids = {}
for index = 1, #found, 2 do
  if time - tonumber(found[index + 1]) > tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], found[index])
  else ids[#ids + 1] = found[index] end
end
return ids`,
);

/**
 * A lease of a group's partition. KEYS: owner. ARGV: take, renew or release; token; milliseconds. Answers 1 where done.
 * The token stays after its time: until somebody else takes the partition, nobody has changed anything. It ends with the
 * history of the data that it was granted in, and the partition is free: a process that takes it again forgets first.
 */
export const leaseScript = indispensable(
  'lease',
  `${timeAndHistory}${grants}
local owner = redis.call('HMGET', KEYS[1], 'token', 'until', 'granted')
local mine = owner[1] == ARGV[2]
local ended = hasEnded(owner[1], owner[3])
if ARGV[1] == 'release' then
  if mine then redis.call('HSET', KEYS[1], 'token', '', 'until', '0') end
  return 1
end
if ARGV[1] == 'renew' then
  if not mine or ended then return 0 end
elseif not mine and not ended and owner[2] and tonumber(owner[2]) > now() then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'until', string.format('%.0f', now() + tonumber(ARGV[3])),
  'granted', ARGV[2] .. ' ' .. history())
return 1`,
);

/** Takes the right to trim, for ARGV[2] milliseconds, or prolongs it. KEYS: trimming. ARGV: token. Answers 1 where it is held. */
export const holdScript = indispensable(
  'hold',
  `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
);

/** Gives up the right to trim. KEYS: trimming. ARGV: token. */
export const releaseScript = indispensable(
  'release',
  `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`,
);

/**
 * Makes a group known to streams of one partition. KEYS: commits, then the streams. ARGV: group, then the name of each source.
 * One that is there stays as it is; one that is new has committed nothing.
 */
export const registerScript = indispensable(
  'register',
  `
for key = 2, #KEYS do
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[key], ARGV[1], '0', 'MKSTREAM', 'ENTRIESREAD', '0')
  if not made.err then redis.call('HDEL', KEYS[1], ARGV[key])
  elseif not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
end
return 1`,
);

/** Adds to a set. KEYS: set. ARGV: what. */
export const noteScript = indispensable('note', `return redis.call('SADD', KEYS[1], ARGV[1])`);

/** Says what the data is made by, where nobody has yet. KEYS: format. ARGV: version, partitions. Answers both as they are. */
export const claimScript = indispensable(
  'claim',
  `
redis.call('HSETNX', KEYS[1], 'version', ARGV[1])
redis.call('HSETNX', KEYS[1], 'partitions', ARGV[2])
return redis.call('HMGET', KEYS[1], 'version', 'partitions')`,
);

/** Every script, to be loaded at start. */
export const scripts: readonly Script[] = [
  appendScript,
  arriveScript,
  commitScript,
  standingScript,
  piecesScript,
  cutScript,
  memoryScript,
  hereScript,
  leaseScript,
  holdScript,
  releaseScript,
  registerScript,
  noteScript,
  claimScript,
];
