import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { desc } from 'drizzle-orm';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { auditRecords } from '#libs/registry-db';
import type { Verification } from './audit-log.js';
import { type ChainedRecord, hashRecord } from './audit-record.js';

type Row = {
  sequence: number;
  method: string;
  route: string;
  resourceId: string | null;
  outcome: string;
  code: string | null;
};

describe('audit', () => {
  let api: TestApi;
  let water: TestTenant;
  let auditor: TestTenant;
  beforeAll(async () => {
    api = await startTestApi([]);
    water = await api.createTenant('water');
    auditor = await api.createUser(water.tenantKey, 'auditor', ['auditor'], true);
  });
  afterAll(() => api.stop());

  const newest = async (count: number, token = auditor.token) =>
    (await api.call<{ items: Row[] }>('GET', `/api/v1/audit-records?limit=${count}`, { token })).body.items;
  const verify = async () =>
    (await api.call<Verification>('GET', '/api/v1/audit-records/verification', { token: auditor.token })).body;

  it('has one record for every write, with who, what, when, from where and how it ended', async () => {
    const made = await api.call<{ id: string }>('POST', '/api/v1/tenants', {
      body: { code: 'fire', name: 'Fire' },
      headers: { 'x-request-id': 'trace-1' },
    });
    await api.call('PATCH', `/api/v1/tenants/${made.body.id}`, { body: { name: 'F' } });
    await api.call('PATCH', `/api/v1/tenants/${made.body.id}`, { body: { name: 5 } });
    await api.call('PATCH', `/api/v1/tenants/${water.userKey}`, { body: { name: 'F' } });
    const [missing, refused, changed, created] = await newest(4);
    expect(created).toMatchObject({
      principalKind: 'user',
      principalName: 'admin',
      method: 'POST',
      route: '/api/v1/tenants',
      resourceId: made.body.id,
      outcome: 'accepted',
      status: 201,
      code: null,
      ip: '127.0.0.1',
      requestId: 'trace-1',
    });
    expect(changed).toMatchObject({
      method: 'PATCH',
      route: '/api/v1/tenants/:id',
      resourceId: made.body.id,
      status: 200,
    });
    expect(refused).toMatchObject({ outcome: 'refused', status: 400, code: 'validation_failed' });
    expect(missing).toMatchObject({ outcome: 'refused', status: 404, code: 'tenant_not_found' });
  });

  it('has one record for every log-in and log-out, failed ones with the login as typed', async () => {
    const credentials = { login: water.login, password: water.password };
    const { body } = await api.call<{ token: string }>('POST', '/api/v1/sessions', { token: null, body: credentials });
    await api.call('DELETE', '/api/v1/sessions/current', { token: body.token });
    const wrong = { login: 'Somebody\u0000', password: 'x' };
    await api.call('POST', '/api/v1/sessions', { token: null, body: wrong });
    const [failed, logout, login] = await newest(3);
    expect(login).toMatchObject({ route: '/api/v1/sessions', outcome: 'accepted', principalName: water.login });
    expect(logout).toMatchObject({ method: 'DELETE', route: '/api/v1/sessions/current', outcome: 'accepted' });
    expect(failed).toMatchObject({
      principalKind: 'anonymous',
      principalName: 'somebody',
      outcome: expect.any(String),
    });
  });

  it('has one record for every denial, of reads too, and none for reads', async () => {
    const [before] = await newest(1);
    await api.call('GET', '/api/v1/me');
    await api.call('GET', '/api/v1/users', { token: water.token });
    await api.call('GET', '/api/v1/me', { token: null });
    const [anonymous, forbidden, last] = await newest(3);
    expect(last).toEqual(before);
    expect(forbidden).toMatchObject({ outcome: 'denied', code: 'forbidden', principalName: water.login });
    expect(anonymous).toMatchObject({ outcome: 'denied', code: 'unauthenticated', principalKind: 'anonymous' });
  });

  it('holds no secret', async () => {
    const { rows } = await api.database.execute('select * from audit_records');
    const text = JSON.stringify(rows);
    for (const secret of [api.adminPassword, water.password, api.adminToken, water.token])
      expect(text).not.toContain(secret);
  });

  it('shows an auditor of one tenant that tenant alone', async () => {
    const local = await api.createUser(water.tenantKey, 'auditor.water', ['auditor']);
    const rows = (await newest(500, local.token)) as (Row & { tenantId: string })[];
    expect(rows.length).toBeGreaterThan(0);
    expect(new Set(rows.map((row) => row.tenantId))).toEqual(new Set([water.tenantKey]));
  });

  it('stays one chain under writes at the same time', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        api.call('POST', '/api/v1/tenants', { body: { code: `parallel-${index}`, name: 'P' } }),
      ),
    );
    const rows = await newest(40);
    expect(rows.filter((row) => row.route === '/api/v1/tenants')).toHaveLength(40);
    expect(await verify()).toMatchObject({ intact: true, problem: null });
  });

  describe('tampering by whoever has the database', () => {
    let middle: number;
    beforeEach(async () => {
      expect(await verify()).toMatchObject({ intact: true });
      middle = (await newest(5)).at(-1)?.sequence ?? 0;
    });
    /** What verification says after `statement`; everything is put back afterwards. */
    const verifyAfter = async (...statements: string[]) => {
      await api.database.execute('create table kept_records as select * from audit_records');
      await api.database.execute('create table kept_head as select * from audit_head');
      for (const statement of statements) await api.database.execute(statement);
      const found = await verify();
      await api.database.execute('delete from audit_records');
      await api.database.execute('insert into audit_records select * from kept_records');
      await api.database.execute('delete from audit_head');
      await api.database.execute('insert into audit_head select * from kept_head');
      await api.database.execute('drop table kept_records, kept_head');
      return found;
    };

    it('shows an edit', async () => {
      const found = await verifyAfter(`update audit_records set principal_name = 'nobody' where sequence = ${middle}`);
      expect(found).toMatchObject({ intact: false, problem: { sequence: middle, problem: 'its content was changed' } });
    });

    it('shows a deletion', async () => {
      const found = await verifyAfter(`delete from audit_records where sequence = ${middle}`);
      expect(found.problem).toEqual({ sequence: middle + 1, problem: `record ${middle} is missing` });
    });

    it('shows a cut end', async () => {
      const found = await verifyAfter(`delete from audit_records where sequence >= ${middle}`);
      expect(found.problem?.problem).toBe('records were cut off the end');
    });

    it('shows an end that was cut and its seal removed', async () => {
      const found = await verifyAfter(
        `delete from audit_records where sequence >= ${middle}`,
        'delete from audit_head',
      );
      expect(found.problem?.problem).toBe('the sealed end of the chain is missing');
    });

    it('shows an edit whose hashes were made anew to the end', async () => {
      const [last] = await api.database.select().from(auditRecords).orderBy(desc(auditRecords.sequence)).limit(1);
      if (!last) throw new Error('There is no record.');
      const forged = hashRecord({ ...(last as ChainedRecord), principalName: 'nobody' }, last.previousHash);
      const found = await verifyAfter(
        `update audit_records set principal_name = 'nobody', hash = '\\x${forged.toString('hex')}' where sequence = ${last.sequence}`,
      );
      expect(found.problem?.problem).toBe('it is not the record that the sealed end of the chain names');
    });
  });
});
