import { describe, expect, it } from '@jest/globals';
import { createSecret, keyOf, type SignatureHeaders, sign, verify } from './standard-webhooks.js';

/** The example of the Standard Webhooks specification. */
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const at = 1_614_265_330_000;
const body = '{"test": 2432232314}';
const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const signed: SignatureHeaders = {
  'webhook-id': id,
  'webhook-timestamp': '1614265330',
  'webhook-signature': signature,
};

describe('Standard Webhooks 1.0', () => {
  it('gives the known answer', () => {
    expect(sign([secret], id, at, body)).toEqual(signed);
  });

  it.each<[string, Partial<SignatureHeaders>, string, number, boolean]>([
    ['as signed', {}, body, at, true],
    ['five minutes late', {}, body, at + 300_000, true],
    ['later still', {}, body, at + 301_000, false],
    ['too early', {}, body, at - 301_000, false],
    ['another body', {}, '{"test": 1}', at, false],
    ['another id', { 'webhook-id': 'msg_x' }, body, at, false],
    ['another time', { 'webhook-timestamp': '1614265331' }, body, at, false],
    ['no time', { 'webhook-timestamp': 'NaN' }, body, at, false],
    ['one of several signatures', { 'webhook-signature': `v1,AAAA v2,x ${signature}` }, body, at, true],
    ['no version', { 'webhook-signature': signature.slice(3) }, body, at, false],
    ['empty', { 'webhook-signature': '' }, body, at, false],
  ])('verifies: %s', (_case, change, text, now, expected) => {
    expect(verify(secret, { ...signed, ...change }, text, now)).toBe(expected);
  });

  it('signs with both secrets during a rotation', () => {
    const old = createSecret();
    const both = sign([secret, old], id, at, body);
    expect([verify(secret, both, body, at), verify(old, both, body, at)]).toEqual([true, true]);
    expect(both['webhook-signature'].split(' ')).toHaveLength(2);
  });

  it('makes secrets of 32 bytes, all different', () => {
    expect(keyOf(createSecret())).toHaveLength(32);
    expect(createSecret()).not.toBe(createSecret());
  });

  it.each([
    'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'whsec_',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    'whsec_not base64 at all, but long enough',
  ])('refuses the secret %s', (text) => expect(() => keyOf(text)).toThrow('whsec_'));
});
