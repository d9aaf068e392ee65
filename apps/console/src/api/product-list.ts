import { api, ask, type Schemas } from './client.js';
import { sessionValue } from './session-value.js';

type Product = Schemas['ProductView'];

/** A city has dozens of products; nobody chooses from more than these in a list. */
const maxPages = 10;
const pageRows = 200;

const read = sessionValue<readonly Product[]>('products:read', [], async () => {
  const found: Product[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const query = { limit: pageRows, cursor };
    const answer = await ask(api.GET('/api/v1/products', { params: { query } }));
    found.push(...answer.items);
    if (answer.nextCursor === null) break;
    cursor = answer.nextCursor;
  }
  return found;
});

/** The products that the user sees: for names and domains beside ids, so its failure shows ids alone. */
export function useProducts() {
  const { value: products, ready } = read();
  return {
    products,
    productById: (id: string | null) => products.value.find((product) => product.id === id),
    ready,
  };
}
