import { MapLocation } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

export default {
  name: 'map',
  path: '/map',
  needs: 'devices:read',
  menu: { group: 'watch', order: 20, icon: MapLocation },
  component: () => import('./MapPage.vue'),
} satisfies Page;
