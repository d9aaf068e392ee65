import { SetUp } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const pages: readonly Page[] = [
  {
    name: 'rules',
    path: '/rules',
    needs: 'rules:read',
    menu: { group: 'configure', order: 20, icon: SetUp },
    component: () => import('./RulesPage.vue'),
  },
  // `new` in place of an id writes a new one.
  { name: 'rule', path: '/rules/:id', needs: 'rules:read', component: () => import('./RulePage.vue') },
];
export default pages;
