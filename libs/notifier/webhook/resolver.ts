import { lookup, Resolver } from 'node:dns/promises';

/** An address of a name. */
export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** Finds the addresses of a name; rejects where there are none. */
export type Resolve = (hostname: string) => Promise<ResolvedAddress[]>;

/** Injection token of the resolver. */
export const RESOLVER = Symbol('webhook-resolver');

const timeoutMs = 2_500;
/** The server said that it knows no such name, or there is no server: the hosts file may know. */
const unknownName = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED', 'EBADNAME']);

/**
 * Asks the name servers without occupying the thread pool, so that a dead one delays nobody else; the hosts file is
 * asked for names that they do not know.
 */
export function createResolver(): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return async (hostname) => {
    if (!hostname.includes('.')) return await hosts(hostname);
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const found = answers.flatMap((answer, index): ResolvedAddress[] =>
      answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })) : [],
    );
    if (found.length > 0) return found;
    const failure = answers.find((answer) => answer.status === 'rejected')?.reason as NodeJS.ErrnoException;
    if (failure && !unknownName.has(failure.code ?? '')) throw failure;
    return await hosts(hostname);
  };
}

async function hosts(hostname: string): Promise<ResolvedAddress[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
