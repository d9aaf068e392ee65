import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { STREAM, type StreamLog } from '#libs/stream';
import { eventually } from '../platform/eventually.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { type FlowDevice, type FlowPlatform, manyRoles, startFlowPlatform, TenantClient } from './flow-platform.js';

interface Step {
  step: string;
  status: string;
  label: { zh: string; en: string };
  at: string | null;
  entry: { stream: string; lane: string; partition: number; position: number } | null;
  waitsFor: { stage: string } | null;
  detail: Record<string, unknown>;
}
interface Trace {
  messageId: string;
  deviceId: string;
  status: string;
  summary: { en: string };
  steps: Step[];
}
interface Frame {
  messageId: string;
  outcome: string;
  text: string;
}

let platform: FlowPlatform;
let owner: TenantClient;
let desk: WebhookDesk;
let endpoint: string;
let meter: FlowDevice;
let detector: FlowDevice;
const clients: MqttClient[] = [];

beforeAll(async () => {
  platform = await startFlowPlatform();
  owner = new TenantClient(platform.api, await platform.api.createTenant('traced', manyRoles));
  desk = await WebhookDesk.open();
  endpoint = (await owner.call('POST', '/endpoints', { name: 'duty desk', url: desk.url })).id;
  const { id: installationId } = await owner.call('POST', '/installations', { name: 'tower', building: 'tower' });
  meter = await owner.register('traced-meter', 'water-meter', { installationId });
  detector = await owner.register('traced-smoke', 'fire-detector', { installationId });
}, 120_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)));
  desk?.stop();
  await platform?.stop();
}, 60_000);

async function connect({ id, secret }: FlowDevice): Promise<MqttClient> {
  const login = { clientId: id, username: id, password: secret };
  const client = await mqtt.connectAsync(platform.mqttUrl, { ...login, protocolVersion: 4, reconnectPeriod: 0 });
  clients.push(client);
  return client;
}

/** Publishes at QoS 1, and gives the id of the message once it is in the ledger. */
async function publish(client: MqttClient, { id }: FlowDevice, payload: string): Promise<string> {
  const ids = async () =>
    (await owner.call<{ items: Frame[] }>('GET', `/devices/${id}/frames`)).items.filter((f) => f.text === payload);
  const before = (await ids()).length;
  await client.publishAsync(`devices/${id}/telemetry`, payload, { qos: 1 });
  return await eventually(async () => {
    const now = await ids();
    return now.length > before ? now[0]?.messageId : undefined;
  }, `the frame ${payload}`);
}

const traceOf = (id: string, query = '') => owner.call<Trace>('GET', `/messages/${id}/trace${query}`);
const whenDone = (id: string, fits: (trace: Trace) => boolean = () => true) =>
  eventually(async () => {
    const trace = await traceOf(id);
    return trace.status !== 'in_flight' && fits(trace) ? trace : undefined;
  }, `the end of ${id}`);
const shape = ({ steps }: Trace) => steps.map(({ step, status }) => `${step} ${status}`);
const stepOf = ({ steps }: Trace, step: string) => steps.find((one) => one.step === step) as Step;
const flow = ['received done', 'acknowledged done'];

describe('the trace of a message', () => {
  const reading = JSON.stringify({ time: Date.now() - 1_000, seq: 1, values: { flowRate: 12 } });
  let good: string;
  let smoke: string;
  let water: MqttClient;
  let fire: MqttClient;

  beforeAll(async () => {
    [water, fire] = [await connect(meter), await connect(detector)];
    good = await publish(water, meter, reading);
  });

  it('tells of a good reading: acknowledged, normalised, stored, judged, in the order of time', async () => {
    const trace = await whenDone(good);
    expect(trace).toMatchObject({ messageId: good, deviceId: meter.id, kind: 'telemetry', status: 'complete' });
    expect(shape(trace)).toEqual([...flow, 'normalised done', 'stored done', 'judged done', 'alerted skipped']);
    const { detail, entry } = stepOf(trace, 'normalised');
    expect(detail).toMatchObject({
      outcome: 'decoded',
      decoder: 'json@1',
      productVersion: 1,
      readings: [{ metric: 'flowRate', value: 12, quality: ['good'] }],
      readingCount: 1,
    });
    const [, partition, position] = good.split('.').map(Number);
    expect(stepOf(trace, 'acknowledged').entry).toEqual({ stream: 'raw', lane: 'bulk', partition, position });
    expect(entry).toMatchObject({ stream: 'readings', lane: 'bulk', partition });
    const times = trace.steps.flatMap(({ at }) => (at ? [Date.parse(at)] : []));
    expect(times).toHaveLength(4);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const { label } of trace.steps) expect(label).toEqual({ zh: expect.any(String), en: expect.any(String) });
  });

  it('follows a smoke alarm to the webhook, and what clears it as well', async () => {
    const told = desk.next('alert.raised');
    smoke = await publish(fire, detector, '{"values":{"fire":true}}');
    const { event } = await told;
    const trace = await whenDone(smoke, (one) => stepOf(one, 'notified')?.status === 'done');
    expect(shape(trace)).toEqual([
      ...flow,
      'normalised done',
      'stored done',
      'judged done',
      'alerted done',
      'notified done',
    ]);
    const { detail: alerted } = stepOf(trace, 'alerted');
    const { detail: notified, at } = stepOf(trace, 'notified');
    expect(alerted).toMatchObject({ kind: 'raised', severity: 'critical', alertStatus: 'open' });
    expect(event.subject).toBe(`alerts/${alerted.alertId}`);
    expect(notified).toMatchObject({ eventId: event.id, endpointId: endpoint, attempts: 1, lastError: null });
    expect(at).not.toBeNull();
    expect(stepOf(trace, 'judged').detail.verdicts).toMatchObject([{ kind: 'raised', severity: 'critical' }]);
    expect(trace.summary.en).toBe('Delivered');
    expect(smoke).toMatch(/^u\./);

    const clearing = await publish(fire, detector, '{"values":{"fire":false}}');
    const clear = await whenDone(clearing, (one) => stepOf(one, 'notified')?.status === 'done');
    expect(stepOf(clear, 'alerted').detail).toMatchObject({ kind: 'cleared', alertId: alerted.alertId });
  }, 60_000);

  it('tells of what could not be read, and of its dead letter; of its replay too', async () => {
    const id = await publish(water, meter, 'not JSON');
    const trace = await eventually(async () => {
      const now = await traceOf(id);
      return now.status === 'failed' ? now : undefined;
    }, 'the dead letter');
    expect(shape(trace)).toEqual([
      ...flow,
      'normalised failed',
      'dead_lettered failed',
      'stored done',
      'judged skipped',
    ]);
    const { detail } = stepOf(trace, 'dead_lettered');
    expect(detail).toMatchObject({ stage: 'normaliser', reason: stepOf(trace, 'normalised').detail.reason });
    const letter = await owner.call<{ messageId: string }>('GET', `/dead-letters/${detail.deadLetterId}`);
    expect(letter.messageId).toBe(id);
    await owner.call('POST', `/dead-letters/${detail.deadLetterId}/replay`);
    expect(stepOf(await traceOf(id), 'dead_lettered')).toMatchObject({
      status: 'done',
      detail: { replayedBy: expect.any(String) },
    });
  });

  it('names the message that a duplicate repeats', async () => {
    const again = await publish(water, meter, reading);
    const trace = await whenDone(again);
    expect(shape(trace)).toEqual([...flow, 'normalised done', 'stored done', 'judged skipped']);
    expect(stepOf(trace, 'normalised').detail).toMatchObject({ outcome: 'duplicate', duplicateOf: good });
  });

  it('shows that a metric is in no model', async () => {
    const trace = await whenDone(await publish(water, meter, '{"values":{"wibble":3}}'));
    expect(stepOf(trace, 'normalised').detail.readings).toMatchObject([{ metric: 'wibble', quality: ['unmodelled'] }]);
  });

  it('waits with a delivery that fails, and says when it is tried again', async () => {
    const closed = await WebhookDesk.open();
    closed.stop();
    const { id: dead } = await owner.call('POST', '/endpoints', { name: 'closed', url: closed.url });
    const id = await publish(fire, detector, '{"values":{"fault":true}}');
    const step = await eventually(async () => {
      const { steps, status } = await traceOf(id);
      const one = steps.find(({ detail }) => detail.endpointId === dead && detail.lastError !== null);
      return one && { ...one, whole: status };
    }, 'an attempt');
    expect(step).toMatchObject({
      step: 'notified',
      status: 'pending',
      whole: 'in_flight',
      detail: { lastError: 'ECONNREFUSED', nextAttemptAt: expect.any(String) },
    });
    await owner.call('DELETE', `/endpoints/${dead}`);
  });

  it.each(['b.0.999999.0', 'b.99999.1.0', 'u.0.0.0', 'whatever', 'b.1'])('answers 404 for %s', async (id) => {
    const answer = await platform.api.call('GET', `/api/v1/messages/${id}/trace`, { token: owner.tenant.token });
    expect([answer.status, answer.body]).toEqual([404, expect.objectContaining({ code: 'message_not_found' })]);
  });

  it('answers 404 for an index that the entry has not, and for the wrong device', async () => {
    expect(await owner.status('GET', `/messages/${good.replace(/\d+$/, '4000')}/trace`)).toBe(404);
    expect(await owner.status('GET', `/messages/${good}/trace?device=${detector.id}`)).toBe(404);
    expect(await owner.status('GET', `/messages/${good}/trace?device=${meter.id.toUpperCase()}`)).toBe(200);
  });

  it('shows a vendor the way of a message, and neither alerts nor dead letters', async () => {
    const vendor = await platform.api.createUser(owner.tenant.tenantKey, 'traced-vendor', ['vendor']);
    const { body } = await platform.api.call<Trace>('GET', `/api/v1/messages/${smoke}/trace`, { token: vendor.token });
    expect(shape(body)).toEqual([...flow, 'normalised done', 'stored done', 'judged done', 'alerted withheld']);
    expect(stepOf(body, 'judged').detail).toEqual({});
  });

  it('still knows, once the streams keep nothing any more, what ledger and alerts keep', async () => {
    const log = platform.api.app.get<StreamLog>(STREAM, { strict: false });
    const all = ['raw', 'readings', 'transitions', 'notifications', 'dead-letters'];
    await log.trim(all.map((stream) => ({ stream, maxAgeMs: 0, maxBytes: 0 })));
    // What is newest in a place stays: the good reading is not, others came behind it.
    expect(await owner.status('GET', `/messages/${good}/trace`)).toBe(404);
    const old = await traceOf(good, `?device=${meter.id}`);
    expect(shape(old)).toEqual([
      'received done',
      'acknowledged expired',
      'normalised done',
      'stored done',
      'judged done',
      'alerted skipped',
    ]);
    expect(stepOf(old, 'normalised').detail).toMatchObject({ readings: [{ metric: 'flowRate', value: 12 }] });
    const alarm = await traceOf(smoke);
    expect(alarm.deviceId).toBe(detector.id);
    expect(shape(alarm)).toEqual([
      'received done',
      'acknowledged expired',
      'normalised done',
      'stored done',
      'judged done',
      'alerted done',
      'notified done',
    ]);
  });
});
