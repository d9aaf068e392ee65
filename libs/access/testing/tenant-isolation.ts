import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Role, roles } from '../principal.js';
import { type Route, Routes } from '../routes.js';
import type { TestApi } from './test-api.js';

/** What tenant A owns, for each route that has an id in its path. */
export interface IsolationCase {
  api: TestApi;
  /** Tenant A's ids by route path: `{'/api/v1/devices/:id': {id: 'meter-1'}}`. Every path with an id needs one. */
  owned: Record<string, Record<string, string>>;
  /** A body that passes validation, for writes that need one: `{'PATCH /api/v1/devices/:id': {name: 'x'}}`. */
  bodies?: Record<string, unknown>;
  /** A query for routes that demand one: `{'GET /api/v1/devices/:id/series': '?metric=flowRate'}`. */
  queries?: Record<string, string>;
  /** Routes whose ids belong to nobody, such as built-in products: `['GET /api/v1/products/:id']`. Each says why in a comment. */
  unowned?: readonly string[];
}

/** Everything that one person may be at once, so that a refusal is never just for want of permission. */
const everyRoleButAuditor: readonly Role[] = roles.filter((role) => role !== 'auditor');

/** Proves over every route that has an id in its path that another tenant's ids answer 404, to everybody it has. */
export function describeTenantIsolation(name: string, open: () => Promise<IsolationCase>): void {
  describe(`tenant isolation of ${name}`, () => {
    let opened: IsolationCase;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.api.stop());

    it('answers 404 for every id of another tenant', async () => {
      const { api } = opened;
      const intruder = await api.createTenant('intruders', everyRoleButAuditor);
      const auditor = await api.createUser(intruder.tenantKey, 'auditor.intruders', ['auditor']);
      const routes = api.app
        .get(Routes)
        .list()
        .filter((route) => route.path.includes(':') && route.access !== 'public');
      const wrong: string[] = [];
      for (const route of routes) {
        const routeName = `${route.method} ${route.path}`;
        if (opened.unowned?.includes(routeName)) continue;
        const params = opened.owned[route.path];
        if (!params) {
          wrong.push(`${routeName}: give an id that tenant A owns, or list it as unowned`);
          continue;
        }
        const filled = route.path.replaceAll(/:(\w+)/g, (_, param: string) => encodeURIComponent(params[param] ?? ''));
        const path = filled + (opened.queries?.[routeName] ?? '');
        const body = opened.bodies?.[routeName];
        for (const { token } of [intruder, auditor]) {
          const { status } = await api.call(route.method, path, { token, body });
          if (status !== 404 && !(status === 403 && token === auditor.token)) wrong.push(`${routeName}: ${status}`);
        }
        if (await missingForOwner(api, route, path)) wrong.push(`${routeName}: the id given is nobody's`);
      }
      expect(wrong).toEqual([]);
      expect(routes.length).toBeGreaterThan(0);
    });
  });
}

/** Whoever sees every tenant reads it: otherwise the 404 above would prove nothing. */
async function missingForOwner(api: TestApi, route: Route, path: string): Promise<boolean> {
  if (route.method !== 'GET') return false;
  return (await api.call('GET', path)).status === 404;
}
