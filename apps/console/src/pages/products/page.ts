import { Box } from '@element-plus/icons-vue';
import type { Page } from '../../page.js';

const pages: readonly Page[] = [
  {
    name: 'products',
    path: '/products',
    needs: 'products:read',
    menu: { group: 'configure', order: 10, icon: Box },
    component: () => import('./ProductsPage.vue'),
  },
  { name: 'product', path: '/products/:id', needs: 'products:read', component: () => import('./ProductPage.vue') },
  {
    name: 'product-version',
    path: '/products/:id/edit/:version?',
    needs: 'products:write',
    component: () => import('./VersionPage.vue'),
  },
  { name: 'new-product', path: '/new-product', needs: 'products:write', component: () => import('./VersionPage.vue') },
];
export default pages;
