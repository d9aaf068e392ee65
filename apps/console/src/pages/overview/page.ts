import { DataBoard } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

export default [
  {
    name: 'overview',
    path: '/overview',
    needs: 'devices:read',
    menu: { group: 'watch', order: 10, icon: DataBoard },
    component: () => import('./OverviewPage.vue'),
  },
  { name: 'wall', path: '/wall', needs: 'devices:read', bare: true, component: () => import('./WallPage.vue') },
] satisfies Page[];
