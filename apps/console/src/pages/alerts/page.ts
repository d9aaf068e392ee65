import { Bell } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

export default {
  name: 'alerts',
  path: '/alerts',
  needs: 'alerts:read',
  menu: { group: 'watch', order: 30, icon: Bell },
  component: () => import('./AlertsPage.vue'),
} satisfies Page;
