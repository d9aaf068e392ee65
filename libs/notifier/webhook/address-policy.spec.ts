import { describe, expect, it } from '@jest/globals';
import { type AddressPolicy, allowableNetwork, judgeAddress } from './address-policy.js';
import { judgeLiteral, parseTarget } from './target-url.js';

const closed: AddressPolicy = { allowLoopback: false, targets: [] };
const everything: AddressPolicy = {
  allowLoopback: false,
  targets: [
    { cidr: '0.0.0.0/0', port: 443 },
    { cidr: '::/0', port: 443 },
  ],
};

const never = [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '169.254.0.1',
  '192.0.0.1',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.9',
  '192.88.99.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '100.100.100.200',
  '::',
  '::1',
  'fe80::1',
  'febf::1',
  'fec0::1',
  'ff02::1',
  '2002:7f00:1::',
  '2002:a9fe:a9fe::1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:7f00:1',
  '::7f00:1',
  '::127.0.0.1',
  '::ffff:0:127.0.0.1',
  '2001::1',
  '2001:db8::1',
  '2001:10::1',
  '100::1',
  '3fff::1',
  '5f00::1',
  'fd00:ec2::254',
  '4000::1',
];
const unlessAllowed = [
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '100.64.0.1',
  '100.127.255.254',
  'fc00::1',
  'fd12:3456::1',
  '::ffff:10.0.0.1',
];
const open = [
  '1.1.1.1',
  '8.8.8.8',
  '172.32.0.1',
  '172.15.255.255',
  '100.128.0.1',
  '192.167.255.255',
  '2606:4700::1111',
  '2400:3200::1',
  '::ffff:8.8.8.8',
];

describe('what webhooks may reach', () => {
  it.each(never)('%s: never, whatever is allowed', (address) => {
    expect(judgeAddress(address, 443, true, closed)).toBe('address_forbidden');
    expect(judgeAddress(address, 443, true, everything)).toBe('address_forbidden');
  });

  it.each(unlessAllowed)('%s: only where an administrator allows it', (address) => {
    expect(judgeAddress(address, 443, true, closed)).toBe('address_not_allowed');
    expect(judgeAddress(address, 443, true, everything)).toBeUndefined();
  });

  it.each(open)('%s: over https', (address) => {
    expect(judgeAddress(address, 443, true, closed)).toBeUndefined();
    expect(judgeAddress(address, 80, false, closed)).toBe('https_required');
  });

  it('an allowed target is a network and a port, http included', () => {
    const policy: AddressPolicy = { allowLoopback: false, targets: [{ cidr: '10.20.0.0/16', port: 8080 }] };
    expect(judgeAddress('10.20.3.4', 8080, false, policy)).toBeUndefined();
    expect(judgeAddress('10.20.3.4', 8081, false, policy)).toBe('address_not_allowed');
    expect(judgeAddress('10.21.3.4', 8080, false, policy)).toBe('address_not_allowed');
    expect(judgeAddress('::ffff:10.20.3.4', 8080, false, policy)).toBeUndefined();
  });

  it('loopback only by setting', () => {
    const tour: AddressPolicy = { allowLoopback: true, targets: [] };
    expect(judgeAddress('127.0.0.1', 9000, false, tour)).toBeUndefined();
    expect(judgeAddress('::1', 9000, false, tour)).toBeUndefined();
    expect(judgeAddress('169.254.169.254', 80, false, tour)).toBe('address_forbidden');
  });

  it.each([
    ['10.20.0.0/16', '10.20.0.0/16'],
    ['10.20.3.4/16', '10.20.0.0/16'],
    ['192.168.1.7/32', '192.168.1.7/32'],
    ['fd00::/48', 'fd00::/48'],
    ['8.8.8.0/24', '8.8.8.0/24'],
    ['169.254.0.0/16', undefined],
    ['127.0.0.0/8', undefined],
    ['::1/128', undefined],
    ['fe80::/10', undefined],
    ['0.0.0.0/0', undefined],
    ['::ffff:169.254.0.0/112', undefined],
    ['10.0.0.1', undefined],
    ['nonsense', undefined],
  ])('network %s may be allowed as %s', (cidr, expected) => expect(allowableNetwork(cidr)).toBe(expected));
});

describe('URLs', () => {
  it.each([
    'http://0x7f.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://127.1/',
    'http://１２７．０．０．１/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'https://0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fe80::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://0xa9fea9fe/',
    'https://[2002:7f00:1::]/',
    'http://①②⑦.0.0.1/',
  ])('%s leads nowhere', (text) => {
    const target = parseTarget(text);
    expect(typeof target === 'string' ? target : judgeLiteral(target, closed)).toBe('address_forbidden');
  });

  it.each([
    ['ftp://example.cn/', 'url_scheme'],
    ['file:///etc/passwd', 'url_scheme'],
    ['gopher://example.cn/', 'url_scheme'],
    ['https://user:secret@example.cn/', 'url_credentials'],
    ['https://user@example.cn/', 'url_credentials'],
    ['not a url', 'url_malformed'],
    ['https://[::1%25eth0]/', 'url_malformed'],
    [`https://example.cn/${'x'.repeat(2_048)}`, 'url_malformed'],
    ['http://8.8.8.8/', 'https_required'],
    ['https://10.0.0.1/', 'address_not_allowed'],
  ])('%s is refused: %s', (text, problem) => {
    const target = parseTarget(text);
    expect(typeof target === 'string' ? target : judgeLiteral(target, closed)).toBe(problem);
  });

  it('a fragment is left out, the port is known', () => {
    expect(parseTarget('https://Example.CN/a#b')).toMatchObject({ host: 'example.cn', port: 443, secure: true });
    expect(parseTarget('http://[fd00::1]:8080/')).toMatchObject({ host: 'fd00::1', port: 8080, secure: false });
  });
});
