import type { Page } from '../../page.js';

const pages: readonly Page[] = [
  { name: 'log-in', path: '/log-in', open: true, component: () => import('./LogInPage.vue') },
  { name: 'password', path: '/password', component: () => import('./PasswordPage.vue') },
];
export default pages;
