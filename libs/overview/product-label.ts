import type { ProductCatalogue } from '#libs/devices';

/** What a product is called, and what it is for. */
export interface ProductLabel {
  productId: string;
  name: { zh: string; en: string };
  domain: string;
}

/** The label of a product; a device just registered may be known before its product is. */
export function labelOf(catalogue: Pick<ProductCatalogue, 'current'>, productKey: string): ProductLabel {
  const product = catalogue.current(productKey);
  if (!product) return { productId: productKey, name: { zh: productKey, en: productKey }, domain: 'other' };
  return { productId: product.productId, name: product.name, domain: product.domain };
}
