import { createRouter, createWebHistory, type RouteLocationNormalized, type RouteLocationRaw } from 'vue-router';
import { can, currentUser, isLoggedIn, mustChangePassword } from './api/session.js';
import { loadUser } from './app/log-in.js';
import { titlePage } from './app/page-title.js';
import { type Page, pages, routeOf } from './page.js';

const order = (page: Page) => page.menu?.order ?? Number.POSITIVE_INFINITY;
/** The pages that are watched, as the menu orders them. */
const watched = pages.filter(({ menu }) => menu?.group === 'watch').sort((a, b) => order(a) - order(b));

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
  const known = currentUser.value ? true : loadUser();
  // While it is asked who it is, the page that most begin with comes.
  if (to.name === 'home') void watched[0]?.component().catch(() => undefined);
  if (!(await known)) return { name: 'unreachable', query: { to: to.fullPath } };
  if (!isLoggedIn.value) return logIn;
  if (mustChangePassword.value)
    return to.name === 'password' ? undefined : { name: 'password', query: { to: to.fullPath } };
  return to.name === 'home' ? firstPage() : undefined;
}

/** Where somebody begins: the first page of the menu that is theirs. */
function firstPage(): RouteLocationRaw {
  const first =
    watched.find(({ needs }) => !needs || can(needs)) ?? pages.find(({ menu, needs }) => menu && needs && can(needs));
  return { name: first?.name ?? 'password' };
}
