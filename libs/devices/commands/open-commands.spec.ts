import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 } from 'uuid';
import { type Command, encodeCommandOutcomes, encodeCommands, streams } from '#libs/contracts';
import { deviceCommands } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, readConfig, systemClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { type Seeded, seedDevices } from '../testing/index.js';
import { commandMessage, longestCommandBytes, readReply } from './command-message.js';
import { commandsConfig } from './commands.config.js';
import { type CommandRow, CommandsRepository } from './commands.repository.js';
import { OpenCommands } from './open-commands.js';

const config = readConfig(commandsConfig, { COMMANDS_SWEEP_MS: '100', COMMANDS_MAX_OPEN: '5' });
let registry: TestRegistry;
let seeded: Seeded;
let stream: TestStream;
let repository: CommandsRepository;
let opened: OpenCommands[];

beforeAll(async () => {
  registry = await openTestRegistry();
  seeded = await seedDevices(registry.database, { count: 2 });
  repository = new CommandsRepository(registry.database, config);
}, 60_000);
afterAll(() => registry.stop());
beforeEach(async () => {
  stream = await openTestStream();
  opened = [];
});
afterEach(async () => {
  for (const one of opened) await one.stop();
  await stream.stop();
  await registry.database.delete(deviceCommands);
});

/** The open commands of one gateway, and the ids that it was given. */
function gateway(settledBy: 'sent' | 'acknowledged' = 'acknowledged') {
  const commands = new OpenCommands(stream.log, repository, config, systemClock, createLogger('test', 'silent'));
  const taken: string[] = [];
  commands.start({ settledBy, take: ({ id }) => taken.push(id) });
  opened.push(commands);
  return { commands, taken };
}

function give(expiresInMs = 60_000): Promise<CommandRow> {
  const { tenantKey } = seeded;
  const deviceKey = seeded.devices[0]?.key ?? '';
  const expiresAt = new Date(Date.now() + expiresInMs);
  const row = { key: v7(), tenantKey, deviceKey, command: 'readNow', parameters: {}, state: 'queued' as const };
  return repository.insert({ ...row, issuedBy: 'test', expiresAt });
}

const messageOf = (row: CommandRow): Command => commandMessage({ ...row, parentKey: null });
const tell = (command: Command) =>
  stream.log.append([{ stream: streams.commands, lane: 'bulk', partition: 0, data: encodeCommands([command]) }]);
const report = (kind: 'sent' | 'acknowledged', { id: commandId, tenantKey, deviceKey }: Command) => {
  const outcome = { kind, commandId, tenantKey, deviceKey, at: Date.now(), messageId: '', payload: new Uint8Array(0) };
  const data = encodeCommandOutcomes([outcome]);
  return stream.log.append([{ stream: streams.commandOutcomes, lane: 'bulk', partition: 0, data }]);
};

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the commands that wait', () => {
  it('are known to every gateway, told or found in the registry, until one of them delivers', async () => {
    const [one, two] = [gateway(), gateway()];
    const untold = await give();
    await until(() => one.taken.includes(untold.key) && two.taken.includes(untold.key));
    const told = await give();
    await tell(messageOf(told));
    await until(() => one.taken.includes(told.key) && two.taken.includes(told.key));
    const key = told.deviceKey;
    expect(one.commands.of(key).map(({ id }) => id)).toEqual([untold.key, told.key]);
    one.commands.settle(told.key);
    await report('acknowledged', messageOf(told));
    await until(() => two.commands.of(key).length === 1);
    // The registry hears of it later; until then a look there does not bring it back.
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(one.commands.of(key).map(({ id }) => id)).toEqual([untold.key]);
    expect(one.commands.waits(messageOf(told))).toBe(false);
  });

  it('are forgotten when they are called back, are over in the registry, or expire', async () => {
    const { commands, taken } = gateway();
    const [withdrawn, cancelled, old] = [await give(), await give(), await give(300)];
    await until(() => [withdrawn, cancelled, old].every(({ key }) => taken.includes(key)));
    await tell({ ...messageOf(withdrawn), withdrawn: true });
    await repository.cancel(withdrawn.key, new Date());
    await repository.cancel(cancelled.key, new Date());
    await until(() => commands.of(old.deviceKey).length === 0 && commands.size === 0);
  });

  it('are sent once where the cluster keeps them, and stay where a device must acknowledge', async () => {
    const [broker, bridge] = [gateway('acknowledged'), gateway('sent')];
    const row = await give();
    await until(() => broker.taken.includes(row.key) && bridge.taken.includes(row.key));
    await report('sent', messageOf(row));
    await until(() => bridge.commands.size === 0);
    expect(broker.commands.of(row.deviceKey)).toHaveLength(1);
  });

  it('are no more than memory is to hold; the rest comes when others go', async () => {
    const { commands, taken } = gateway();
    const rows: CommandRow[] = [];
    for (let n = 0; n < 7; n++) rows.push(await give(60_000 + n));
    await until(() => commands.size === 5);
    for (const { key } of rows.slice(0, 2)) await repository.cancel(key, new Date());
    await until(() => rows.slice(2).every(({ key }) => taken.includes(key)));
    expect(commands.size).toBeLessThanOrEqual(5);
  });
});

describe('commands in the registry', () => {
  const outcomeOf = (kind: 'sent' | 'acknowledged' | 'replied', { key, tenantKey, deviceKey }: CommandRow, at = 1) => ({
    kind,
    commandId: key,
    tenantKey,
    deviceKey,
    at,
    messageId: 'b.0.1.0',
    payload: new Uint8Array(0),
  });
  const stateOf = async ({ deviceKey, key }: CommandRow) => (await repository.find(deviceKey, key))?.state;

  it('only go forward, however often and in whatever order outcomes come', async () => {
    const row = await give();
    expect(await repository.note(outcomeOf('acknowledged', row), undefined)).toBe(true);
    expect(await repository.note(outcomeOf('sent', row), undefined)).toBe(true);
    expect(await stateOf(row)).toBe('acknowledged');
    expect(await repository.note(outcomeOf('replied', row, 5), { value: 'done', failed: false })).toBe(true);
    expect(await repository.note(outcomeOf('replied', row, 9), { value: 'again', failed: true })).toBe(true);
    expect(await repository.find(row.deviceKey, row.key)).toMatchObject({ state: 'replied', reply: 'done' });
    const foreign = { ...row, deviceKey: seeded.devices[1]?.key ?? '' };
    expect(await repository.note(outcomeOf('replied', foreign), undefined)).toBe(false);
  });

  it.each([
    ['NUL', '{"text":"a\\u0000b"}', { text: 'a\ufffdb' }],
    ['half a character', '"\\ud83d"', '\ufffd'],
    [
      'a character cut in half',
      `${'x'.repeat(longestCommandBytes - 1)}😀`,
      `${'x'.repeat(longestCommandBytes - 1)}\ufffd`,
    ],
  ])('keep a reply with %s, which the registry cannot hold', async (_name, payload, reply) => {
    const row = await give();
    expect(await repository.note(outcomeOf('replied', row), readReply(Buffer.from(payload)))).toBe(true);
    expect(await repository.find(row.deviceKey, row.key)).toMatchObject({ state: 'replied', reply });
  });

  it('end when they are too old, and what the device did after all still counts', async () => {
    const [old, fresh] = [await give(-1), await give()];
    expect(await repository.expire(new Date())).toBe(1);
    expect([await stateOf(old), await stateOf(fresh)]).toEqual(['expired', 'queued']);
    await repository.note(outcomeOf('replied', old), { value: {}, failed: false });
    expect(await stateOf(old)).toBe('replied');
  });

  it('are handed on by one claimant at a time, and forgotten only when they are over', async () => {
    const row = await give();
    expect([await repository.claim(row.key), await repository.claim(row.key)]).toEqual([true, false]);
    await repository.prune(new Date(Date.now() + 1_000));
    expect(await stateOf(row)).toBe('queued');
    await repository.cancel(row.key, new Date());
    expect(await repository.claim(row.key)).toBe(false);
    await repository.prune(new Date(Date.now() + 1_000));
    expect(await stateOf(row)).toBeUndefined();
  });
});
