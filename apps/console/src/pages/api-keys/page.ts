import { Key } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const page: Page = {
  name: 'api-keys',
  path: '/api-keys',
  needs: 'keys:read',
  menu: { group: 'administer', order: 20, icon: Key },
  component: () => import('./ApiKeysPage.vue'),
};
export default page;
