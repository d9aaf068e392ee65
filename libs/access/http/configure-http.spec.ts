import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, Max, ValidateNested } from 'class-validator';
import { startTestApi, type TestApi } from '#libs/access/testing';
import { Public } from '../access.decorators.js';

class Part {
  @IsInt()
  @Max(5)
  size: number;
}

class Whole {
  @IsString()
  name: string;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts?: Part[];
}

@Controller('api/v1/echo')
class EchoController {
  @Post()
  @Public()
  echo(@Body() body: Whole): Whole {
    return body;
  }

  @Post('any')
  @Public()
  any(@Body() body: Record<string, unknown>): { keys: number } {
    return { keys: Object.keys(body ?? {}).length };
  }

  @Post('bug')
  @Public()
  bug(): void {
    throw new Error('a secret of the inside');
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;

describe('the HTTP front', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi([EchoModule]);
  });
  afterAll(() => api.stop());

  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${api.url}/api/v1/echo${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    const problem = (await response.json()) as { code?: string; errors?: unknown; detail?: string };
    return { status: response.status, contentType: response.headers.get('content-type'), ...problem };
  };

  it.each([
    ['malformed', '{"a":', 400, 'json_malformed'],
    ['not a number of JSON', '{"a": NaN}', 400, 'json_malformed'],
    ['33 levels deep', nested(33), 400, 'json_too_deep'],
    ['a million levels deep', '['.repeat(400_000) + ']'.repeat(400_000), 400, 'json_too_deep'],
    ['with __proto__', '{"a":{"__proto__":{"admin":true}}}', 400, 'json_key_forbidden'],
    ['with constructor', '{"a":[{"constructor":{"prototype":{}}}]}', 400, 'json_key_forbidden'],
    ['with an escaped __proto__', '{"\\u005f_proto__":1}', 400, 'json_key_forbidden'],
    ['over 1 MB', JSON.stringify({ a: 'x'.repeat(1_048_576) }), 413, 'body_too_large'],
  ])('refuses a body %s', async (_name, body, status, code) => {
    expect(await post('/any', body)).toMatchObject({
      status,
      code,
      contentType: 'application/problem+json; charset=utf-8',
    });
  });

  it('takes 32 levels', async () => {
    expect(await post('/any', nested(32))).toMatchObject({ status: 201 });
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'refuses %s',
    async (type) => {
      expect(await post('/any', 'a=1', { 'content-type': type })).toMatchObject({
        status: 415,
        code: 'unsupported_media_type',
      });
    },
  );

  it.each([
    ['an unknown field', '{"name":"a","admin":true}', ['admin']],
    ['an unknown field inside', '{"name":"a","parts":[{"size":1,"x":1}]}', ['parts.0.x']],
    [
      'wrong values',
      '{"name":1,"parts":[{"size":9},{"size":"x"}]}',
      ['name', 'parts.0.size', 'parts.1.size', 'parts.1.size'],
    ],
    ['an array', '[{"name":"a"}]', ['']],
    ['a bare value', '"a"', ['']],
    ['nothing', '', ['name']],
  ])('names every field of %s', async (_name, body, fields) => {
    const answer = await post('', body);
    expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
    expect((answer.errors as { field: string }[]).map((error) => error.field)).toEqual(fields);
  });

  it('says nothing of its inside', async () => {
    const answer = await post('/bug', '{}');
    expect(answer).toMatchObject({ status: 500, code: 'internal_error' });
    expect(JSON.stringify(answer)).not.toContain('inside');
  });

  it('answers an unknown route with a problem document', async () => {
    const answer = await api.call('GET', '/api/v1/nowhere');
    expect([answer.status, answer.body]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
  });

  it('names each request, and sends security headers', async () => {
    const named = await api.call('GET', '/api/v1/me', { headers: { 'x-request-id': 'trace-1' } });
    expect(named.headers.get('x-request-id')).toBe('trace-1');
    const unnamed = await api.call('GET', '/api/v1/me', { headers: { 'x-request-id': 'a b"c' } });
    expect(unnamed.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(unnamed.headers.get('x-content-type-options')).toBe('nosniff');
    expect(unnamed.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(unnamed.headers.get('cache-control')).toBe('no-store');
  });
});

describe('rate limits', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi([], { environment: { HTTP_RATE_PER_ADDRESS: '60', HTTP_RATE_PER_TOKEN: '20' } });
  });
  afterAll(() => api.stop());

  /** From another address of this machine. */
  const from = (localAddress: string, token: string) =>
    new Promise<{ status?: number; retryAfter?: string }>((done, fail) => {
      const headers = { authorization: `Bearer ${token}` };
      request(`${api.url}/api/v1/me`, { localAddress, headers }, (response) => {
        response.resume();
        done({ status: response.statusCode, retryAfter: response.headers['retry-after'] });
      })
        .on('error', fail)
        .end();
    });

  it('hold per token from whatever address, and per address with whatever token', async () => {
    const statuses: (number | undefined)[] = [];
    for (let round = 0; round < 25; round++) statuses.push((await from(`127.0.0.${2 + round}`, api.adminToken)).status);
    expect(statuses.slice(0, 20)).toEqual(Array(20).fill(200));
    expect(statuses.slice(20)).toEqual(Array(5).fill(429));
    let last: { status?: number; retryAfter?: string } = {};
    for (let round = 0; round < 61; round++) last = await from('127.0.0.99', `css_${String(round).padStart(43, 'x')}`);
    expect(last.status).toBe(429);
    expect(Number(last.retryAfter)).toBeGreaterThan(0);
    expect((await api.call('GET', '/health/live', { token: null })).status).toBe(200);
  });
});

describe('the address of a client', () => {
  it.each([
    [undefined, '127.0.0.1'],
    ['127.0.0.1', '203.0.113.9'],
    ['10.0.0.0/8', '127.0.0.1'],
  ])('with %s as trusted proxies is %s', async (proxies, ip) => {
    const api = await startTestApi([], { environment: { HTTP_TRUSTED_PROXIES: proxies } });
    await api.call('GET', '/api/v1/users', { token: null, headers: { 'x-forwarded-for': '203.0.113.9' } });
    const { rows } = await api.database.execute('select ip from audit_records order by sequence desc limit 1');
    expect(rows).toEqual([{ ip }]);
    await api.stop();
  });
});
