import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { Authenticated } from '../access.decorators.js';
import { IdempotencyStore } from './idempotency.store.js';

@Controller('api/v1/count')
class CountController {
  private calls = 0;

  @Post()
  @Authenticated()
  count(): { calls: number; secret: string } {
    this.calls += 1;
    return { calls: this.calls, secret: `once-${this.calls}` };
  }
}

@Module({ controllers: [CountController] })
class CountModule {}

describe('Idempotency-Key', () => {
  let api: TestApi;
  let water: TestTenant;
  beforeAll(async () => {
    api = await startTestApi([CountModule]);
    water = await api.createTenant('water');
  });
  afterAll(() => api.stop());

  const count = (key: string, body: unknown = {}, token = water.token) =>
    api.call<{ code: string; calls: number; secret: string }>('POST', '/api/v1/count', {
      token,
      body,
      headers: { 'idempotency-key': key },
    });

  it('repeats the first answer, secret and all, and keeps it sealed', async () => {
    const first = await count('a');
    const again = await count('a');
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const { rows } = await api.database.execute('select response from idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain('once-');
  });

  it('tells principals and bodies apart', async () => {
    const first = await count('b', { x: 1 });
    const different = await count('b', { x: 2 });
    expect([different.status, different.body.code]).toEqual([422, 'idempotency_key_reused']);
    const admin = await count('b', { x: 1 }, api.adminToken);
    expect(admin.body.calls).not.toBe(first.body.calls);
  });

  it('runs requests at the same time once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => count('c')));
    const calls = new Set(answers.filter((answer) => answer.status === 201).map((answer) => answer.body.calls));
    expect(calls.size).toBe(1);
    expect(answers.every((answer) => [201, 409].includes(answer.status))).toBe(true);
  });

  describe('where an answer cannot be stored', () => {
    afterEach(() => api.database.execute(sql`drop trigger if exists refuse on idempotency_keys`));

    it('does not run the request again, which is answered all the same', async () => {
      await api.database.execute(
        sql`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`,
      );
      await api.database.execute(
        sql`create trigger refuse before update on idempotency_keys for each row execute function refuse()`,
      );
      expect((await count('e')).status).toBe(201);
      const again = await count('e');
      expect([again.status, again.body.code]).toEqual([409, 'request_in_progress']);
    });

    it('tries again for a moment', async () => {
      jest.spyOn(api.app.get(IdempotencyStore), 'finish').mockRejectedValueOnce(new Error('not now'));
      const first = await count('f');
      expect(first.status).toBe(201);
      expect((await count('f')).body).toEqual(first.body);
    });
  });

  it('does not remember failures', async () => {
    const body = { login: 'Bad Login', name: 'x', roles: ['operator'] };
    const headers = { 'idempotency-key': 'd' };
    expect((await api.call('POST', '/api/v1/users', { body, headers })).status).toBe(400);
    expect((await api.call('POST', '/api/v1/users', { body: { ...body, login: 'good' }, headers })).status).toBe(201);
  });
});
