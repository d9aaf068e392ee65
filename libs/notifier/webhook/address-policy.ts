import ipaddr from 'ipaddr.js';

/** A network and port that an administrator has allowed to a tenant. */
export interface AllowedTarget {
  cidr: string;
  port: number;
}

/** What a tenant's webhooks may reach beyond public addresses over https. */
export interface AddressPolicy {
  /** By setting only, for tests and the tour. */
  allowLoopback: boolean;
  targets: readonly AllowedTarget[];
}

/** Why an address may not be connected to. */
export type AddressProblem = 'address_forbidden' | 'address_not_allowed' | 'https_required';

type Kind = 'public' | 'private' | 'loopback' | 'never';

/** Cloud metadata services on addresses that are not link-local (Aliyun, Oracle, AWS on IPv6): never to be reached. */
const metadata = new Set(['100.100.100.200', '192.0.0.192', 'fd00:ec2::254']);
const globalUnicast = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/**
 * Whether `address` (an IP, canonicalised here) may be connected to. Public addresses need https; private ones, and
 * public ones over http, need a target that covers them; everything else is never reached.
 */
export function judgeAddress(
  address: string,
  port: number,
  secure: boolean,
  policy: AddressPolicy,
): AddressProblem | undefined {
  const parsed = canonical(address);
  if (!parsed) return 'address_forbidden';
  switch (kindOf(parsed)) {
    case 'never':
      return 'address_forbidden';
    case 'loopback':
      return policy.allowLoopback ? undefined : 'address_forbidden';
    case 'private':
      return covered(parsed, port, policy.targets) ? undefined : 'address_not_allowed';
    case 'public':
      return secure || covered(parsed, port, policy.targets) ? undefined : 'https_required';
  }
}

/** A network that may be allowed, in canonical form; undefined where it is no network, or one that is never reached. */
export function allowableNetwork(cidr: string): string | undefined {
  try {
    const [address, prefix] = ipaddr.parseCIDR(cidr);
    const network = canonical(
      address.kind() === 'ipv4'
        ? ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()
        : ipaddr.IPv6.networkAddressFromCIDR(cidr).toString(),
    );
    if (!network || network.kind() !== address.kind() || prefix < 8) return undefined;
    const kind = kindOf(network);
    return kind === 'private' || kind === 'public' ? `${network.toString()}/${prefix}` : undefined;
  } catch {
    return undefined;
  }
}

/** An IPv4 address in IPv6 clothes is the IPv4 address; undefined where the text is no address. */
function canonical(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (!ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed;
}

function kindOf(address: ipaddr.IPv4 | ipaddr.IPv6): Kind {
  if (metadata.has(address.toString())) return 'never';
  switch (address.range()) {
    case 'loopback':
      return 'loopback';
    case 'private':
    case 'carrierGradeNat':
    case 'uniqueLocal':
      return 'private';
    case 'unicast':
      // ::7f00:1 and the like are unicast to the library: outside 2000::/3 nothing is public.
      return address instanceof ipaddr.IPv6 && !address.match(globalUnicast) ? 'never' : 'public';
    default:
      return 'never';
  }
}

function covered(address: ipaddr.IPv4 | ipaddr.IPv6, port: number, targets: readonly AllowedTarget[]): boolean {
  return targets.some((target) => {
    if (target.port !== port) return false;
    const [network, prefix] = ipaddr.parseCIDR(target.cidr);
    return network.kind() === address.kind() && address.match(network as never, prefix);
  });
}
