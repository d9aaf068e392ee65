import { describe, expect, it } from '@jest/globals';
import { decodeDeadLetters, encodeDeadLetters } from './dead-letter.js';
import { ContractError } from './group.js';
import { decodeGroupReadings, encodeGroupReadings } from './group-reading.js';
import { decodeNotifications, encodeNotifications } from './notification.js';
import { decodeRawMessages, encodeRawMessages } from './raw-message.js';
import { decodeNormalisedMessages, encodeNormalisedMessages } from './reading.js';
import { decodeTransitions, encodeTransitions } from './transition.js';

const at = 1_774_000_000_000;
const keys = { tenantKey: 't', deviceKey: 'd' };
const message = { ...keys, productKey: 'p' };

/** What was encoded, and the bytes that the first release made of it (base64). They are never changed. */
const released = [
  {
    stream: 'raw',
    decode: decodeRawMessages,
    encode: encodeRawMessages,
    rows: [
      {
        ...message,
        kind: 'telemetry',
        receivedAt: at + 123,
        name: '',
        payload: Buffer.from('{"values":{"level":1.5}}'),
      },
      { ...message, kind: 'up', receivedAt: at + 124, name: '2', payload: Buffer.from([0x68, 0, 0xff]) },
      { ...message, kind: 'disconnected', receivedAt: at + 125, name: '', payload: Buffer.alloc(0) },
    ],
    bytes:
      'kgGTlwChdKFkoXDLQnnQqjzHsACgxBh7InZhbHVlcyI6eyJsZXZlbCI6MS41fX2XAaF0oWShcMtCedCqPMfAAKEyxANoAP+XBKF0oWShcMtCedCqPMfQAKDEAA==',
  },
  {
    stream: 'readings',
    decode: decodeNormalisedMessages,
    encode: encodeNormalisedMessages,
    rows: [
      {
        ...{ messageId: 'b.3.1542.7', ...message, productVersion: 3, receivedAt: at + 123 },
        ...{ outcome: 'decoded', reason: '', decoder: 'json@1', frame: Buffer.from('{}') },
        reports: [
          {
            ...{ observedAt: at, deviceTime: 5, seq: -1, revision: 2, event: 'leak' },
            readings: [
              { metric: 'level', value: 1.5, quality: 0 },
              { metric: '阀门', value: { state: 'open', at: [1, null] }, quality: 8 },
            ],
          },
          {
            ...{ observedAt: at + 1, deviceTime: undefined, seq: undefined, revision: 0, event: undefined },
            readings: [
              { metric: 'open', value: true, quality: 4 },
              { metric: 'mode', value: 'auto', quality: 2 },
            ],
          },
        ],
      },
      {
        ...{ messageId: 'u.0.1.0', ...message, productVersion: 1, receivedAt: at + 126, outcome: 'rejected' },
        ...{ reason: 'checksum', decoder: 'cjt188@1', frame: Buffer.from([1, 2]), reports: [] },
      },
    ],
    bytes:
      'kgGSm6piLjMuMTU0Mi43oXShZKFwA8tCedCqPMewAACgpmpzb25AMcQCe32SlstCedCqPMAAAAX/AqRsZWFrlqVsZXZlbMs/+AAAAAAAAACm6ZiA6Zeo3gACpXN0YXRlpG9wZW6iYXSSAcAIlstCedCqPMAQANQAANQAAADUAACWpG9wZW7DBKRtb2RlpGF1dG8Cm6d1LjAuMS4woXShZKFwActCedCqPMfgAAKoY2hlY2tzdW2oY2p0MTg4QDHEAgECkA==',
  },
  {
    stream: 'group-readings',
    decode: decodeGroupReadings,
    encode: encodeGroupReadings,
    rows: [
      {
        ...{ group: 'b1', tenantKey: 't', ruleOrdinal: 12, ruleRevision: 2, deviceKey: 'd' },
        ...{ deviceId: 'smoke-1', meets: true, observedAt: at, messageId: '' },
      },
    ],
    bytes:
      'kgGRkd4ACaVncm91cKJiMal0ZW5hbnRLZXmhdKtydWxlT3JkaW5hbAyscnVsZVJldmlzaW9uAqlkZXZpY2VLZXmhZKhkZXZpY2VJZKdzbW9rZS0xpW1lZXRzw6pvYnNlcnZlZEF0y0J50Ko8wAAAqW1lc3NhZ2VJZKA=',
  },
  {
    stream: 'transitions',
    decode: decodeTransitions,
    encode: encodeTransitions,
    rows: [
      {
        ...{ id: 'x', kind: 'raised', tenantKey: 't', ruleKey: 'r', ruleRevision: 1, deviceKey: 'd', subject: 'd' },
        ...{ severity: 'critical', observedAt: at, judgedAt: at + 1, messageId: 'u.0.1.0' },
        evidence: { fire: true, since: null },
      },
    ],
    bytes:
      'kgGRkd4ADKJpZKF4pGtpbmSmcmFpc2VkqXRlbmFudEtleaF0p3J1bGVLZXmhcqxydWxlUmV2aXNpb24BqWRldmljZUtleaFkp3N1YmplY3ShZKhzZXZlcml0eahjcml0aWNhbKpvYnNlcnZlZEF0y0J50Ko8wAAAqGp1ZGdlZEF0y0J50Ko8wBAAqW1lc3NhZ2VJZKd1LjAuMS4wqGV2aWRlbmNl3gACpGZpcmXDpXNpbmNlwA==',
  },
  {
    stream: 'notifications',
    decode: decodeNotifications,
    encode: encodeNotifications,
    rows: [
      {
        ...{ id: 'n', sequence: 7, tenantKey: 't', alertKey: 'a', type: 'cn.citysense.alert.raised', at: at + 2 },
        body: '{"specversion":"1.0"}',
      },
    ],
    bytes:
      'kgGRkd4AB6JpZKFuqHNlcXVlbmNlB6l0ZW5hbnRLZXmhdKhhbGVydEtleaFhpHR5cGW5Y24uY2l0eXNlbnNlLmFsZXJ0LnJhaXNlZKJhdMtCedCqPMAgAKRib2R5tXsic3BlY3ZlcnNpb24iOiIxLjAifQ==',
  },
  {
    stream: 'dead-letters',
    decode: decodeDeadLetters,
    encode: encodeDeadLetters,
    rows: [
      {
        ...{ id: 'normaliser:b.3.1542.7', stage: 'normaliser', stream: 'raw', reason: 'not_json' },
        ...{ detail: '"x" 不是 JSON', tenantKey: '', deviceKey: 'd', messageId: 'b.3.1542.7', at: at + 3 },
        original: Buffer.from([0x92, 1, 0x90]),
      },
    ],
    bytes:
      'kgGRkd4ACqJpZLVub3JtYWxpc2VyOmIuMy4xNTQyLjelc3RhZ2Wqbm9ybWFsaXNlcqZzdHJlYW2jcmF3pnJlYXNvbqhub3RfanNvbqZkZXRhaWyvIngiIOS4jeaYryBKU09OqXRlbmFudEtleaCpZGV2aWNlS2V5oWSpbWVzc2FnZUlkqmIuMy4xNTQyLjeiYXTLQnnQqjzAMACob3JpZ2luYWzEA5IBkA==',
  },
];

describe('entries of the first release', () => {
  it.each(released)('of $stream are read as they were meant', ({ decode, rows, bytes }) => {
    expect(decode(Buffer.from(bytes, 'base64'))).toEqual(rows);
  });

  it.each(released)('of $stream are what is written today, so that its processes read ours beside them', (one) => {
    const encode = one.encode as (rows: readonly unknown[]) => Buffer;
    expect(encode(one.rows).toString('base64')).toBe(one.bytes);
  });

  it.each(released)('of $stream that a later release writes in another way are refused, never guessed at', (one) => {
    const later = Buffer.from(one.bytes, 'base64');
    later[1] = 2;
    expect(() => one.decode(later)).toThrow(ContractError);
  });
});
