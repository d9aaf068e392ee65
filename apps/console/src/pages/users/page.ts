import { User } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const page: Page = {
  name: 'users',
  path: '/users',
  needs: 'users:read',
  menu: { group: 'administer', order: 10, icon: User },
  component: () => import('./UsersPage.vue'),
};
export default page;
