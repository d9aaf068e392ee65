import { type InjectionKey, onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';
import { api, ask } from '../../api/client.js';
import { can } from '../../api/session.js';
import type { ScopeForm } from './rule-form.js';

/** A metric that devices of a rule's scope report. */
export interface MetricChoice {
  identifier: string;
  name: { zh: string; en: string };
  unit: string | undefined;
}

export const metricChoicesKey: InjectionKey<ShallowRef<readonly MetricChoice[]>> = Symbol('metric choices');

/** So many products are asked for their metrics; any other metric can be written by hand. */
const mostProducts = 20;
/** Whoever is choosing a scope has not chosen it yet. */
const waitMs = 300;

/** The metrics of the products that a rule judges, by their current versions; empty where they cannot be read. */
export function useMetricChoices(scope: () => ScopeForm): ShallowRef<readonly MetricChoice[]> {
  const choices = shallowRef<readonly MetricChoice[]>([]);
  let newest = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load({ productIds, domains }: ScopeForm): Promise<void> {
    newest += 1;
    const turn = newest;
    const { items } = await ask(api.GET('/api/v1/products', { params: { query: { limit: 100 } } }));
    const judged = items
      .filter(({ id }) => productIds.length === 0 || productIds.includes(id))
      .filter(({ domain }) => domains.length === 0 || domains.includes(domain))
      .slice(0, mostProducts);
    const products = await Promise.all(
      judged.map(({ id }) => ask(api.GET('/api/v1/products/{id}', { params: { path: { id } } }))),
    );
    const found = products.flatMap(
      ({ current }) => (current?.thingModel as { properties: MetricChoice[] } | undefined)?.properties ?? [],
    );
    if (turn === newest) choices.value = [...new Map(found.map((metric) => [metric.identifier, metric])).values()];
  }

  watch(
    () => JSON.stringify([scope().productIds, scope().domains]),
    () => {
      clearTimeout(timer);
      if (!can('products:read')) return;
      // Without them metrics are written by hand: no reason to trouble anybody.
      timer = setTimeout(() => void load(scope()).catch(() => undefined), choices.value.length > 0 ? waitMs : 0);
    },
    { immediate: true },
  );
  onScopeDispose(() => clearTimeout(timer));
  return choices;
}
