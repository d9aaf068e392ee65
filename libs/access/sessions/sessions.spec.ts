import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { ScriptedClock } from '#libs/runtime';
import { Lockout } from './lockout.js';

const minute = 60_000;

describe('sessions', () => {
  const clock = new ScriptedClock(Date.now());
  let api: TestApi;
  let water: TestTenant;
  beforeAll(async () => {
    api = await startTestApi([], { clock, environment: { HTTP_RATE_PER_ADDRESS: '100000' } });
    water = await api.createTenant('water');
  });
  afterAll(() => api.stop());

  const login = (name: string, password: string) =>
    api.call<{ token: string; code: string; expiresAt: string }>('POST', '/api/v1/sessions', {
      token: null,
      body: { login: name, password },
    });
  const status = async (token: string) => (await api.call('GET', '/api/v1/me', { token })).status;
  const freshToken = async (user: TestTenant) => (await login(user.login, user.password)).body.token;

  it('begins with the generated password alone: no default works', async () => {
    for (const password of ['admin', 'password', '123456', 'citysense', '']) {
      expect((await login('admin', password)).status).not.toBe(201);
    }
    const file = join(api.dataDir, 'initial-admin-password');
    expect(readFileSync(file, 'utf8').trim()).toBe(api.adminPassword);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await clock.advance(16 * minute);
    api.adminToken = await freshToken({ ...water, login: 'ADMIN ', password: api.adminPassword });
    expect(await status(api.adminToken)).toBe(200);
  });

  it('answers a wrong password and an unknown login alike', async () => {
    const [wrong, unknown] = [await login(water.login, 'wrong'), await login('nobody', 'wrong')];
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect({ ...(wrong.body as object) }).toEqual({ ...(unknown.body as object) });
  });

  it('ends when unused for 15 minutes', async () => {
    const token = await freshToken(water);
    for (let round = 0; round < 3; round++) {
      await clock.advance(14 * minute);
      expect(await status(token)).toBe(200);
    }
    await clock.advance(15 * minute + 1);
    expect(await status(token)).toBe(401);
  });

  it('ends after 12 hours however much it is used', async () => {
    const token = await freshToken(water);
    for (let at = 0; at < 12 * 60 - 10; at += 10) {
      await clock.advance(10 * minute);
      expect(await status(token)).toBe(200);
    }
    await clock.advance(10 * minute);
    expect(await status(token)).toBe(401);
  });

  it('ends with log-out at once, and leaves others', async () => {
    const [mine, other] = [await freshToken(water), await freshToken(water)];
    expect((await api.call('DELETE', '/api/v1/sessions/current', { token: mine })).status).toBe(204);
    expect([await status(mine), await status(other)]).toEqual([401, 200]);
  });

  it('believes a token for at most 2 s after another process ended it', async () => {
    const token = await freshToken(water);
    expect(await status(token)).toBe(200);
    await api.database.execute(`delete from sessions where user_key = '${water.userKey}'`);
    await clock.advance(2_000);
    expect(await status(token)).toBe(401);
  });

  it('locks account and address after 5 bad passwords for 15 minutes, and audits it', async () => {
    api.adminToken = await freshToken({ ...water, login: 'admin', password: api.adminPassword });
    const locked = await api.createUser(water.tenantKey, 'locked', ['operator']);
    for (let attempt = 0; attempt < 5; attempt++) expect((await login('locked', 'wrong')).status).toBe(401);
    const refused = await login('locked', locked.password);
    expect([refused.status, refused.body.code]).toEqual([429, 'login_locked']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
    expect((await login(water.login, water.password)).status).toBe(201);
    await clock.advance(15 * minute);
    expect((await login('locked', locked.password)).status).toBe(201);
    const { rows } = await api.database.execute(
      `select outcome, code, count(*)::int from audit_records where principal_name = 'locked' group by 1, 2 order by 2, 1`,
    );
    expect(rows).toEqual([
      { outcome: 'denied', code: 'login_failed', count: 5 },
      { outcome: 'denied', code: 'login_locked', count: 1 },
      { outcome: 'accepted', code: null, count: 2 },
    ]);
  });

  it('is not outrun by attempts at the same time, and tells addresses apart', async () => {
    const lockout = api.app.get(Lockout, { strict: false });
    const attempts = Array.from({ length: 20 }, () => lockout.attempt('someone', '10.0.0.1'));
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(5);
    await lockout.attempt('someone', '10.0.0.2');
    await lockout.succeeded('someone', '10.0.0.1');
    await lockout.attempt('someone', '10.0.0.1');
  });

  it('changes a password: rules hold, other sessions end, the initial one is forgotten', async () => {
    const admin = { ...water, login: 'admin', password: api.adminPassword };
    const [mine, other] = [await freshToken(admin), await freshToken(admin)];
    const change = (currentPassword: string, newPassword: string) =>
      api.call<{ code: string }>('PUT', '/api/v1/me/password', { token: mine, body: { currentPassword, newPassword } });
    expect((await change('wrong', 'four unrelated quiet words')).body.code).toBe('password_wrong');
    expect((await change(api.adminPassword, 'Password12345!')).body.code).toBe('password_weak');
    expect((await change(api.adminPassword, 'four unrelated quiet words')).status).toBe(204);
    expect(existsSync(join(api.dataDir, 'initial-admin-password'))).toBe(false);
    expect([await status(mine), await status(other)]).toEqual([200, 401]);
    expect((await login('admin', api.adminPassword)).status).toBe(401);
    expect((await login('admin', 'four unrelated quiet words')).status).toBe(201);
  });
});
