import { createRouter, createWebHistory, type RouteLocationNormalized, type RouteLocationRaw } from 'vue-router';
import { can, currentUser, isLoggedIn, mustChangePassword } from './api/session.js';
import { loadUser } from './app/log-in.js';
import { titlePage } from './app/page-title.js';
import { pages, routeOf } from './page.js';

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    // Never shown: the guard leads on to the first page of whoever it is, once that is known.
    { path: '/', name: 'home', component: () => import('./app/NowherePage.vue') },
    ...pages.map(routeOf),
    { path: '/unreachable', name: 'unreachable', component: () => import('./app/UnreachablePage.vue') },
    { path: '/:path(.*)*', name: 'nowhere', component: () => import('./app/NowherePage.vue') },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

router.beforeEach(async (to) => (await whereInstead(to)) ?? true);
router.afterEach((to) => titlePage(to.meta.page?.name));

async function whereInstead(to: RouteLocationNormalized): Promise<RouteLocationRaw | undefined> {
  if (to.meta.page?.open || to.name === 'unreachable') return undefined;
  const logIn = { name: 'log-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } };
  if (!isLoggedIn.value) return logIn;
  if (!currentUser.value && !(await loadUser())) return { name: 'unreachable', query: { to: to.fullPath } };
  if (!isLoggedIn.value) return logIn;
  if (mustChangePassword.value)
    return to.name === 'password' ? undefined : { name: 'password', query: { to: to.fullPath } };
  return to.name === 'home' ? firstPage() : undefined;
}

/** Where somebody begins: the first page of the menu that is theirs. */
function firstPage(): RouteLocationRaw {
  const order = (page: (typeof pages)[number]) => page.menu?.order ?? Number.POSITIVE_INFINITY;
  const mine = pages.filter((page) => page.menu?.group === 'watch' && (!page.needs || can(page.needs)));
  const first =
    mine.sort((a, b) => order(a) - order(b))[0] ?? pages.find((page) => page.menu && page.needs && can(page.needs));
  return { name: first?.name ?? 'password' };
}
