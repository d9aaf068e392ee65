import { OfficeBuilding } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const page: Page = {
  name: 'tenants',
  path: '/tenants',
  needs: 'tenants:write',
  menu: { group: 'administer', order: 30, icon: OfficeBuilding },
  component: () => import('./TenantsPage.vue'),
};
export default page;
