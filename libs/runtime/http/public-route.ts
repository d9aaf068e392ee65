/** Metadata key of a route that is open to the world; the guard of libs/access honours it. */
export const PUBLIC_ROUTE = 'access:public';
