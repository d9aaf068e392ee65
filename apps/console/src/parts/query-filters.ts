/** What a page's address may hold, as vue-router gives it. */
export type PageQuery = Record<string, string | null | (string | null)[] | undefined>;

/** The filters that a page has, by name, empty where nothing is filtered. */
export type Filters<Name extends string> = Record<Name, string>;

/** The filters in a page's address; of a name that is there twice, the first. What is no filter of the page is passed over. */
export function filtersIn<Name extends string>(query: PageQuery, names: readonly Name[]): Filters<Name> {
  const read = (value: PageQuery[string]): string => (Array.isArray(value) ? (value[0] ?? '') : (value ?? ''));
  return Object.fromEntries(names.map((name) => [name, read(query[name])])) as Filters<Name>;
}

/** The filters that are set, for the page's address and for the API alike: both name them the same. */
export function queryOf<Name extends string>(filters: Filters<Name>): Partial<Filters<Name>> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== '')) as Partial<Filters<Name>>;
}

/** The beginning of a division code, '' for what is none. */
export function areaIn(text: string): string {
  return /^\d{2,6}$/.test(text) ? text : '';
}
