import type { Component } from 'vue';
import type { RouteRecordRaw } from 'vue-router';

/** Groups of the menu, in their order. */
export const menuGroups = ['watch', 'configure', 'repair', 'administer'] as const;

/** What a page says of itself in `pages/<page>/page.ts`. Nothing else has to name it. */
export interface Page {
  /** Also the section of the messages: `alerts.title` is its name in the menu. */
  name: string;
  path: string;
  /** The right without which it is not offered; undefined for everybody who is logged in. */
  needs?: string;
  /** Where it stands in the menu; pages without are reached from others. */
  menu?: { group: (typeof menuGroups)[number]; order: number; icon: Component };
  /** Loaded when it is first shown: `() => import('./AlertsPage.vue')`. */
  component: () => Promise<unknown>;
  /** Shown without the menu and before a log-in. */
  open?: boolean;
  /** Shown without the menu, over the whole window: a wall display. */
  bare?: boolean;
}

declare module 'vue-router' {
  interface RouteMeta {
    page?: Page;
  }
}

const found = import.meta.glob<Page | readonly Page[]>('./pages/*/page.ts', { eager: true, import: 'default' });

/** Every page there is. */
export const pages: readonly Page[] = Object.values(found).flat();

/** The page as the router wants it. Parameters of the path come as props. */
export function routeOf(page: Page): RouteRecordRaw {
  const { name, path, component } = page;
  return { name, path, component, props: true, meta: { page } } as RouteRecordRaw;
}
