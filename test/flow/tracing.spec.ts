import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { parseTraceparent, traceOfMessage } from '#libs/runtime';
import { OtlpReceiver, type ReceivedSpan } from '#libs/runtime/testing';
import { type Received, WebhookDesk } from '../platform/webhook-desk.js';
import { type FlowDevice, type FlowPlatform, manyRoles, startFlowPlatform, TenantClient } from './flow-platform.js';

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let receiver: OtlpReceiver;
let platform: FlowPlatform;
let owner: TenantClient;
let desk: WebhookDesk;
let client: MqttClient;
let detector: FlowDevice;

beforeAll(async () => {
  receiver = await OtlpReceiver.open();
  platform = await startFlowPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  owner = new TenantClient(platform.api, await platform.api.createTenant('spanned', manyRoles));
  desk = await WebhookDesk.open();
  await owner.call('POST', '/endpoints', { name: 'desk', url: desk.url });
  detector = await owner.register('spanned-smoke', 'fire-detector');
  const { id, secret } = detector;
  const login = { clientId: id, username: id, password: secret };
  client = await mqtt.connectAsync(platform.mqttUrl, { ...login, protocolVersion: 4, reconnectPeriod: 0 });
}, 120_000);

afterAll(async () => {
  await client?.endAsync(true);
  desk?.stop();
  await platform?.stop();
  receiver?.stop();
}, 60_000);

/** The span that a webhook says it is of. */
const attemptOf = (webhook: Received) =>
  receiver.find('of the attempt', ({ spanId }) => spanId === parseTraceparent(webhook.headers.traceparent)?.spanId);
const causeIn = (webhook: Received) => parseTraceparent((webhook.event as { traceparent?: string }).traceparent);
const referenceOf = ({ traceId, spanId }: ReceivedSpan) => ({ traceId, spanId });

describe('the spans of an alarm', () => {
  let alertId: string;

  it('are one trace from its message to the webhook, which is told of it', async () => {
    const told = desk.next('alert.raised');
    await client.publishAsync(`devices/${detector.id}/telemetry`, '{"values":{"fire":true}}', { qos: 1 });
    const webhook = await told;
    const attempt = await attemptOf(webhook);
    const alert = await receiver.find('of the alert', ({ name }) => name === 'alert raised');
    const messageId = String(alert.attributes['citysense.message.id']);
    const message = await receiver.find(
      'of the message',
      ({ name, traceId }) => name === 'message' && traceId === alert.traceId,
    );
    expect(referenceOf(message)).toEqual(traceOfMessage(messageId));
    expect(message.parentSpanId).toBeUndefined();
    expect(alert.parentSpanId).toBe(message.spanId);
    expect(attempt).toMatchObject({
      name: 'webhook attempt',
      kind: 3,
      traceId: alert.traceId,
      parentSpanId: alert.spanId,
    });
    expect(causeIn(webhook)).toEqual({ ...referenceOf(alert), sampled: true });
    expect(attempt.attributes).toMatchObject({
      'http.response.status_code': 204,
      'citysense.event.id': webhook.event.id,
    });
    alertId = String(alert.attributes['citysense.alert.id']);
    for (const span of [message, alert, attempt]) {
      expect(span.service).toBe('citysense-test');
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
    }
    expect(webhook.event.subject).toBe(`alerts/${alertId}`);
  }, 60_000);

  it('are linked with the batches that they went through', async () => {
    const alert = await receiver.find('of the alert', ({ name }) => name === 'alert raised');
    const [link] = alert.links;
    const batch = await receiver.find('of the batch', ({ spanId }) => spanId === link?.spanId);
    expect(batch).toMatchObject({ name: 'transitions/alerts', kind: 5, traceId: link?.traceId });
    const normaliser = await receiver.find(
      'of the normaliser',
      ({ name, links }) => name === 'raw/normaliser' && links.some(({ traceId }) => traceId === alert.traceId),
    );
    // Another urgent message may have come with it.
    expect(normaliser.attributes).toMatchObject({ 'citysense.lane': 'urgent' });
    expect(normaliser.attributes['messaging.batch.message_count']).toBeGreaterThanOrEqual(1);
    for (const stage of ['readings/readings', 'readings/rules', 'notifications/notifier']) {
      await receiver.find(stage, ({ name }) => name === stage);
    }
  }, 60_000);

  it("of a person's act are the caller's trace, to the webhook", async () => {
    const told = desk.next('alert.acknowledged');
    const headers = { traceparent: `00-${caller.traceId}-${caller.spanId}-01` };
    const path = `/api/v1/alerts/${alertId}/acknowledge`;
    const answer = await platform.api.call('POST', path, { token: owner.tenant.token, headers, body: {} });
    expect(answer.status).toBe(200);
    const webhook = await told;
    const request = await receiver.find(
      'of the request',
      ({ traceId, kind }) => traceId === caller.traceId && kind === 2,
    );
    expect(request).toMatchObject({
      name: 'POST /api/v1/alerts/:id/acknowledge',
      parentSpanId: caller.spanId,
      attributes: { 'http.response.status_code': 200 },
    });
    expect(causeIn(webhook)).toEqual({ ...referenceOf(request), sampled: true });
    expect(await attemptOf(webhook)).toMatchObject({ traceId: caller.traceId, parentSpanId: request.spanId });
  }, 60_000);
});

describe('messages of the bulk lane', () => {
  it('have no spans, but for their batches, and the alert that one raises', async () => {
    const meter = await owner.register('spanned-meter', 'water-meter');
    const title = { zh: '甲', en: 'A' };
    const definition = { kind: 'threshold', conditions: [{ metric: 'flowRate', operator: '>', value: 100 }] };
    await owner.call('POST', '/rules', { slug: 'spanned', title, severity: 'minor', definition });
    const alert = await (async () => {
      for (;;) {
        await platform.report(meter, '{"values":{"flowRate":500}}');
        const raised = receiver.spans.find((span) => String(span.attributes['citysense.message.id']).startsWith('b.'));
        if (raised) return raised;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    })();
    expect(alert).toMatchObject({ name: 'alert raised', parentSpanId: undefined });
    expect(alert.traceId).toBe(traceOfMessage(String(alert.attributes['citysense.message.id']))?.traceId);
    const messages = receiver.spans.filter(({ name }) => name === 'message');
    expect(messages.filter(({ attributes }) => !String(attributes['citysense.message.id']).startsWith('u.'))).toEqual(
      [],
    );
    expect(
      receiver.spans.some(
        ({ name, attributes }) => name === 'raw/normaliser' && attributes['citysense.lane'] === 'bulk',
      ),
    ).toBe(true);
  }, 60_000);
});
