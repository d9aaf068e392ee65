import { createHash } from 'node:crypto';

/**
 * Which partitions each member of a group is to own: every member comes to the same answer from the same ids. Each
 * partition goes to the member that ranks highest for it (rendezvous hashing) and still has room; shares differ by one at
 * most, and few partitions move when a member comes or goes.
 */
export function assignPartitions(members: readonly string[], partitions: number): Map<string, Set<number>> {
  const shares = new Map([...members].sort().map((member) => [member, new Set<number>()]));
  const least = Math.floor(partitions / Math.max(1, shares.size));
  let larger = partitions % Math.max(1, shares.size);
  for (let partition = 0; partition < partitions && shares.size > 0; partition++) {
    const ranked = [...shares].sort(([a], [b]) => rank(b, partition) - rank(a, partition) || (a < b ? -1 : 1));
    const found = ranked.find(([, share]) => share.size < least || (share.size === least && larger > 0));
    if (!found) continue;
    const [, share] = found;
    if (share.size === least) larger--;
    share.add(partition);
  }
  return shares;
}

function rank(member: string, partition: number): number {
  return createHash('sha1').update(`${member} ${partition}`).digest().readUInt32BE(0);
}
