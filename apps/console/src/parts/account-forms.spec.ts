import { describe, expect, it } from '@jest/globals';
import { type KeyForm, keyProblems, tenantProblems, type UserForm, userProblems } from './account-forms.js';

const said = (problems: { field: string; message: string }[]) =>
  problems.map(({ field, message }) => `${field} ${message}`);

describe('an account', () => {
  const sound: UserForm = { login: 'li.wei', name: '李伟', roles: ['operator'], allTenants: false, tenantId: '' };
  it.each<[Partial<UserForm>, string[]]>([
    [{}, []],
    [{ roles: [] }, []],
    [{ login: 'l' }, ['login pattern']],
    [{ login: '李伟' }, ['login pattern']],
    [{ name: '' }, ['name required']],
    [{ roles: ['auditor', 'operator'] }, ['roles auditorAlone']],
  ])('with %j: %j', (change, problems) => {
    expect(said(userProblems({ ...sound, ...change }, true))).toEqual(problems);
  });

  it('keeps the login it has', () => {
    expect(userProblems({ ...sound, login: '' }, false)).toEqual([]);
  });
});

describe('an API key', () => {
  const now = new Date('2026-03-01T00:00:00Z');
  const sound: KeyForm = { name: 'city brain', roles: ['consumer'], allTenants: false, expiresAt: null };
  it.each<[Partial<KeyForm>, string[]]>([
    [{}, []],
    [{ expiresAt: new Date('2026-03-01T00:00:01Z') }, []],
    [{ expiresAt: now }, ['expiresAt notAfter']],
    [{ roles: [] }, ['roles required']],
    [{ name: 'x'.repeat(101) }, ['name tooLong']],
  ])('with %j: %j', (change, problems) => {
    expect(said(keyProblems({ ...sound, ...change }, now))).toEqual(problems);
  });
});

describe('a tenant', () => {
  it.each([
    [{ code: 'water-bureau', name: '水务局' }, []],
    [{ code: '-water', name: '' }, ['code pattern', 'name required']],
  ])('%j: %j', (tenant, problems) => {
    expect(said(tenantProblems(tenant, true))).toEqual(problems);
  });
});
