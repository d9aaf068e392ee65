import type { ApiClient } from '../platform/api-client.js';

/** A page of the console as a test or a screenshot visits it. */
export interface VisitedPage {
  name: string;
  path: string;
}

/** Every page that the administrator can reach, with real things in the addresses. */
export async function administratorsPages(api: ApiClient): Promise<VisitedPage[]> {
  const first = async (path: string) => (await api.call<{ items: { id: string }[] }>('GET', path)).items[0]?.id ?? '';
  const [rule, alert, device, endpoint] = await Promise.all([
    first('/api/v1/rules?builtIn=true&limit=1'),
    first('/api/v1/alerts?limit=1'),
    first('/api/v1/devices?limit=1'),
    first('/api/v1/endpoints?limit=1'),
  ]);
  return [
    { name: 'overview', path: '/overview' },
    { name: 'wall', path: '/wall' },
    { name: 'map', path: '/map' },
    { name: 'alerts', path: '/alerts' },
    { name: 'alert', path: `/alerts?alert=${alert}` },
    { name: 'devices', path: '/devices' },
    { name: 'device', path: `/devices/${device}` },
    { name: 'products', path: '/products' },
    { name: 'product', path: '/products/water-meter' },
    { name: 'decode-test', path: '/products/acme-manhole?show=decode' },
    { name: 'product-version', path: '/products/acme-manhole/edit' },
    { name: 'new-product', path: '/new-product' },
    { name: 'rules', path: '/rules' },
    { name: 'rule', path: `/rules/${rule}` },
    { name: 'new-rule', path: '/rules/new?kind=window' },
    { name: 'webhooks', path: '/webhooks' },
    { name: 'webhook', path: `/webhooks/${endpoint}` },
    { name: 'dead-letters', path: '/dead-letters' },
    { name: 'users', path: '/users' },
    { name: 'api-keys', path: '/api-keys' },
    { name: 'tenants', path: '/tenants' },
    { name: 'password', path: '/password' },
  ];
}
