import { Warning } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const page: Page = {
  name: 'dead-letters',
  path: '/dead-letters',
  needs: 'dead_letters:read',
  menu: { group: 'repair', order: 10, icon: Warning },
  component: () => import('./DeadLettersPage.vue'),
};
export default page;
