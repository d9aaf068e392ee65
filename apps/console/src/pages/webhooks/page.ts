import { Promotion } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const pages: readonly Page[] = [
  {
    name: 'webhooks',
    path: '/webhooks',
    needs: 'endpoints:read',
    menu: { group: 'configure', order: 30, icon: Promotion },
    component: () => import('./WebhooksPage.vue'),
  },
  { name: 'webhook', path: '/webhooks/:id', needs: 'endpoints:read', component: () => import('./WebhookPage.vue') },
];
export default pages;
