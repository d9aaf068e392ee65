import { Document } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const page: Page = {
  name: 'audit',
  path: '/audit',
  needs: 'audit:read',
  menu: { group: 'administer', order: 40, icon: Document },
  component: () => import('./AuditPage.vue'),
};
export default page;
