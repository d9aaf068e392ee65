import { shallowRef } from 'vue';
import { api, ask, type Schemas } from './client.js';
import { can, sessionToken } from './session.js';

type Product = Schemas['ProductView'];

/** A city has dozens of products; nobody chooses from more than these in a list. */
const maxPages = 10;
const pageRows = 200;

const products = shallowRef<readonly Product[]>([]);
let loadedFor: string | undefined;
let loading: Promise<void> | undefined;

/**
 * The products that the user sees, loaded once for a session; empty until then, and for who may not read them. For names
 * and domains beside ids, so its failure shows ids alone.
 */
export function useProducts() {
  const token = sessionToken();
  if (can('products:read') && loadedFor !== token) {
    loading ??= load().finally(() => {
      loading = undefined;
    });
  }
  async function load(): Promise<void> {
    const found: Product[] = [];
    let cursor: string | undefined;
    try {
      for (let page = 0; page < maxPages; page++) {
        const query = { limit: pageRows, cursor };
        const answer = await ask(api.GET('/api/v1/products', { params: { query } }));
        found.push(...answer.items);
        if (answer.nextCursor === null) break;
        cursor = answer.nextCursor;
      }
      products.value = found;
      loadedFor = token;
    } catch {
      // Asked for again by the next page that wants them.
    }
  }
  return {
    products,
    productById: (id: string | null) => products.value.find((product) => product.id === id),
    /** Resolves when they are there, or cannot be had. */
    ready: () => loading ?? Promise.resolve(),
  };
}
