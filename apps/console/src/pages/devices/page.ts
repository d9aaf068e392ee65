import { Cpu } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const pages: readonly Page[] = [
  {
    name: 'devices',
    path: '/devices',
    needs: 'devices:read',
    menu: { group: 'watch', order: 40, icon: Cpu },
    component: () => import('./DevicesPage.vue'),
  },
  { name: 'device', path: '/devices/:id', needs: 'devices:read', component: () => import('./DevicePage.vue') },
];
export default pages;
