import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Param, Sse } from '@nestjs/common';
import { NEVER } from 'rxjs';
import { describeTenantIsolation, leaveEarly, startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { Authenticated, Public } from './access.decorators.js';
import { tokenCacheMs } from './authenticator.js';
import { Routes } from './routes.js';

@Controller('api/v1/probe')
class ProbeController {
  @Sse('stream')
  @Authenticated()
  stream() {
    return NEVER;
  }

  @Get('open/:id')
  @Public()
  open(@Param('id') id: string): { id: string } {
    return { id };
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

@Controller('api/v1/forgotten')
class ForgottenController {
  @Get()
  list(): void {}
}

@Module({ controllers: [ForgottenController] })
class ForgottenModule {}

type Problem = { code: string; errors?: { field: string; problem: string }[] };

describe('access', () => {
  let api: TestApi;
  let water: TestTenant;
  beforeAll(async () => {
    api = await startTestApi([ProbeModule]);
    water = await api.createTenant('water');
  });
  afterAll(() => api.stop());

  describe('the guard', () => {
    it('refuses to start with a route that says nothing of who may use it', async () => {
      await expect(startTestApi([ForgottenModule])).rejects.toThrow('GET /api/v1/forgotten (ForgottenController.list)');
    });

    it('lets nobody through any route without a token', async () => {
      const guarded = api.app
        .get(Routes)
        .list()
        .filter((route) => route.access !== 'public');
      expect(guarded.length).toBeGreaterThan(15);
      for (const { method, path } of guarded) {
        const answer = await api.call(method, path.replaceAll(/:\w+/g, water.userKey), { token: null });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    });

    it.each(['', 'css_', `css_${'A'.repeat(43)}`, `csk_${'A'.repeat(43)}`, 'x'.repeat(5_000)])(
      'refuses the token %p',
      async (token) => {
        expect((await api.call('GET', '/api/v1/me', { token })).status).toBe(401);
      },
    );

    it('asks for the permission of the route, and says which', async () => {
      const answer = await api.call<Problem & { detail: string }>('GET', '/api/v1/users', { token: water.token });
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
      expect(answer.body.detail).toContain('users:read');
    });

    it('leaves health and metrics open', async () => {
      for (const path of ['/health/live', '/health/ready', '/metrics', '/api/v1/probe/open/x']) {
        expect([path, (await api.call('GET', path, { token: null })).status]).toEqual([path, 200]);
      }
    });

    it('ends a live stream when its token ends', async () => {
      const user = await api.createUser(water.tenantKey, 'watcher', ['operator']);
      const closed = new Promise<void>((done, fail) => {
        const headers = { authorization: `Bearer ${user.token}`, accept: 'text/event-stream' };
        get(`${api.url}/api/v1/probe/stream`, { headers }, (response) => {
          expect(response.statusCode).toBe(200);
          response
            .on('error', () => done())
            .on('close', done)
            .resume();
          void api.call('DELETE', '/api/v1/sessions/current', { token: user.token });
        }).on('error', fail);
      });
      const began = performance.now();
      await closed;
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    it('watches no stream whose reader had gone before it began', async () => {
      const user = await api.createUser(water.tenantKey, 'passer-by', ['operator']);
      const lookUps = await leaveEarly(api, '/api/v1/probe/stream', user.token);
      await new Promise((resolve) => setTimeout(resolve, tokenCacheMs + 500));
      expect(lookUps()).toBe(0);
    });
  });

  describe('accounts', () => {
    const create = (token: string, body: object) =>
      api.call<Problem & { id: string; password: string; revision: number }>('POST', '/api/v1/users', { token, body });
    const patch = (id: string, body: object, headers?: Record<string, string>, token?: string) =>
      api.call<Problem & { revision: number }>('PATCH', `/api/v1/users/${id}`, { body, headers, token });

    it('lets an administrator of one tenant reach no further', async () => {
      const local = await api.createUser(water.tenantKey, 'security.water', ['security_administrator']);
      const made = await create(local.token, { login: 'helper', name: 'H', roles: ['operator'] });
      expect([made.status, made.body]).toEqual([201, expect.objectContaining({ tenantId: water.tenantKey })]);
      const wide = await create(local.token, { login: 'wide', name: 'W', roles: ['operator'], allTenants: true });
      expect([wide.status, wide.body.code]).toEqual([403, 'reach_not_yours']);
      const { tenantKey } = await api.createTenant('parking');
      const away = await create(local.token, { login: 'away', name: 'A', roles: ['operator'], tenantId: tenantKey });
      expect([away.status, away.body.code]).toEqual([404, 'tenant_not_found']);
      const own = await patch(local.userKey, { roles: ['security_administrator', 'operator'] }, {}, local.token);
      expect([own.status, own.body.code]).toEqual([409, 'own_account']);
      const chief = await api.createUser(water.tenantKey, 'chief', ['security_administrator'], true);
      const above = await patch(chief.userKey, { disabled: true }, {}, local.token);
      expect([above.status, above.body.code]).toEqual([403, 'platform_account']);
    });

    it('keeps the auditor apart from everybody else', async () => {
      const both = await create(api.adminToken, { login: 'both', name: 'B', roles: ['auditor', 'operator'] });
      expect([both.status, both.body.code]).toEqual([400, 'roles_conflict']);
      expect((await api.call('GET', '/api/v1/audit-records')).status).toBe(403);
    });

    it('gives a login to one account, whatever its letter case', async () => {
      const again = await create(api.adminToken, { login: 'ADMIN', name: 'A', roles: ['operator'] });
      expect([again.status, again.body.code]).toEqual([409, 'login_taken']);
    });

    it('makes role changes and disabling felt within 2 s, and resets end sessions', async () => {
      const user = await api.createUser(water.tenantKey, 'mover', ['operator', 'security_administrator']);
      const users = async () => (await api.call('GET', '/api/v1/users', { token: user.token })).status;
      expect(await users()).toBe(200);
      await patch(user.userKey, { roles: ['operator'] });
      expect(await users()).toBe(403);
      await patch(user.userKey, { disabled: true });
      expect(await users()).toBe(401);
      await patch(user.userKey, { disabled: false });
      const reset = await api.call<{ password: string }>('POST', `/api/v1/users/${user.userKey}/password`);
      const body = { login: 'mover', password: reset.body.password };
      expect((await api.call('POST', '/api/v1/sessions', { token: null, body })).status).toBe(201);
    });

    it('changes only the revision that was read', async () => {
      const user = await api.createUser(water.tenantKey, 'revised', ['operator']);
      const read = await api.call('GET', `/api/v1/users/${user.userKey}`);
      const etag = read.headers.get('etag') ?? '';
      expect(etag).toBe('"1"');
      const first = await patch(user.userKey, { name: 'first' }, { 'if-match': etag });
      expect([first.status, first.headers.get('etag')]).toEqual([200, '"2"']);
      const second = await patch(user.userKey, { name: 'second' }, { 'if-match': etag });
      expect([second.status, second.body.code]).toEqual([412, 'revision_conflict']);
      expect((await patch(user.userKey, { name: 'x' }, { 'if-match': 'abc' })).body.code).toBe('if_match_invalid');
    });

    it('lists in pages', async () => {
      const seen: string[] = [];
      for (let cursor = ''; ; ) {
        const page = await api.call<{ items: { id: string }[]; nextCursor: string | null }>(
          'GET',
          `/api/v1/users?limit=3${cursor}`,
        );
        seen.push(...page.body.items.map((user) => user.id));
        if (page.body.nextCursor === null) break;
        cursor = `&cursor=${page.body.nextCursor}`;
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeGreaterThan(6);
      const forged = Buffer.from('["no uuid"]').toString('base64url');
      expect((await api.call('GET', `/api/v1/users?cursor=${forged}`)).status).toBe(400);
    });
  });

  describe('API keys', () => {
    const create = (token: string, body: object) =>
      api.call<Problem & { id: string; secret: string }>('POST', '/api/v1/api-keys', { token, body });

    it('are shown once, work, and stop when revoked', async () => {
      const made = await create(water.token, { name: 'brain', roles: ['operator'] });
      expect(made.body.secret).toMatch(/^csk_[\w-]{43}$/);
      const me = await api.call('GET', '/api/v1/me', { token: made.body.secret });
      expect(me.body).toMatchObject({ kind: 'api_key', name: 'brain', tenantId: water.tenantKey, allTenants: false });
      const shown = await api.call('GET', `/api/v1/api-keys/${made.body.id}`, { token: water.token });
      expect(JSON.stringify(shown.body)).not.toContain(made.body.secret);
      const { rows } = await api.database.execute('select * from api_keys');
      expect(JSON.stringify(rows)).not.toContain(made.body.secret.slice(10));
      expect((await api.call('DELETE', `/api/v1/api-keys/${made.body.id}`, { token: water.token })).status).toBe(204);
      expect((await api.call('GET', '/api/v1/me', { token: made.body.secret })).status).toBe(401);
    });

    it('have no more rights than their maker, now and later', async () => {
      const maker = await api.createUser(water.tenantKey, 'maker', ['operator', 'vendor']);
      const beyond = await create(maker.token, { name: 'k', roles: ['system_administrator'] });
      expect([beyond.status, beyond.body.code]).toEqual([403, 'roles_not_yours']);
      const wide = await create(maker.token, { name: 'k', roles: ['operator'], allTenants: true });
      expect([wide.status, wide.body.code]).toEqual([403, 'reach_not_yours']);
      const { body: key } = await create(maker.token, { name: 'k', roles: ['operator', 'vendor'] });
      const child = await create(key.secret, { name: 'child', roles: ['operator'] });
      expect([child.status, child.body.code]).toEqual([403, 'person_only']);
      await api.call('PATCH', `/api/v1/users/${maker.userKey}`, { body: { roles: ['vendor'] } });
      expect((await api.call('GET', '/api/v1/me', { token: key.secret })).body).toMatchObject({ roles: ['vendor'] });
      await api.call('PATCH', `/api/v1/users/${maker.userKey}`, { body: { disabled: true } });
      expect((await api.call('GET', '/api/v1/me', { token: key.secret })).status).toBe(401);
    });

    it('do not change the rights or the password of their maker', async () => {
      const maker = await api.createUser(water.tenantKey, 'key-maker', ['security_administrator']);
      const { body: key } = await create(maker.token, { name: 'k', roles: ['security_administrator'] });
      const path = `/api/v1/users/${maker.userKey}`;
      const body = { roles: ['security_administrator', 'system_administrator'] };
      const rights = await api.call<Problem>('PATCH', path, { token: key.secret, body });
      expect([rights.status, rights.body.code]).toEqual([409, 'own_account']);
      const password = await api.call<Problem>('POST', `${path}/password`, { token: key.secret });
      expect([password.status, password.body.code]).toEqual([409, 'own_account']);
      const other = await api.createUser(water.tenantKey, 'key-user', ['operator']);
      const changed = await api.call('PATCH', `/api/v1/users/${other.userKey}`, {
        token: key.secret,
        body: { name: 'x' },
      });
      expect(changed.status).toBe(200);
    });

    it('expire', async () => {
      const past = await create(water.token, { name: 'k', roles: ['operator'], expiresAt: '2020-01-01T00:00:00Z' });
      expect(past.body.errors?.[0]?.field).toBe('expiresAt');
      const expiresAt = new Date(Date.now() + 600).toISOString();
      const { body: key } = await create(water.token, { name: 'k', roles: ['operator'], expiresAt });
      const deadline = Date.now() + 6_000;
      let status = 0;
      while (status !== 401 && Date.now() < deadline) {
        status = (await api.call('GET', '/api/v1/me', { token: key.secret })).status;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(status).toBe(401);
    });

    it('are seen by their maker and by who sees accounts', async () => {
      const other = await api.createUser(water.tenantKey, 'colleague', ['operator']);
      const { body: key } = await create(water.token, { name: 'mine', roles: ['operator'] });
      expect((await api.call('GET', `/api/v1/api-keys/${key.id}`, { token: other.token })).status).toBe(404);
      expect((await api.call('GET', `/api/v1/api-keys/${key.id}`)).status).toBe(200);
    });
  });
});

describeTenantIsolation('access', async () => {
  const api = await startTestApi([]);
  const owner = await api.createTenant('owners', ['operator']);
  const key = await api.call<{ id: string }>('POST', '/api/v1/api-keys', {
    token: owner.token,
    body: { name: 'k', roles: ['operator'] },
  });
  return {
    api,
    owned: {
      '/api/v1/users/:id': { id: owner.userKey },
      '/api/v1/users/:id/password': { id: owner.userKey },
      '/api/v1/tenants/:id': { id: owner.tenantKey },
      '/api/v1/api-keys/:id': { id: key.body.id },
    },
    bodies: {
      'PATCH /api/v1/users/:id': { name: 'x' },
      'PATCH /api/v1/tenants/:id': { name: 'x' },
    },
  };
});
