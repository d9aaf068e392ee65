import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '#libs/access/testing';

describe('access', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi([]);
  });
  afterAll(() => api.stop());

  it('smoke', async () => {
    const me = await api.call('GET', '/api/v1/me');
    expect([me.status, me.body]).toEqual([200, expect.objectContaining({ name: 'admin' })]);
    const t = await api.createTenant('water');
    expect((await api.call('GET', '/api/v1/users', { token: t.token })).status).toBe(403);
    console.log(await api.call('POST', '/api/v1/sessions', { token: null, body: [] }));
    console.log(await api.call('GET', '/nowhere', { token: null }));
    console.log(await api.call('GET', '/api/v1/users/x'));
    console.log(await api.call('GET', '/health/ready'));
  });
});
