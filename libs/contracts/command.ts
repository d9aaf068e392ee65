import { decodeGroup, encodeGroup } from './group.js';

/** Something that a device is told to do, on its way to whichever gateway holds its session. Times are epoch milliseconds. */
export interface Command {
  /** Stable however often it is sent: what the device knows it by, and replies to. */
  id: string;
  tenantKey: string;
  deviceKey: string;
  /** The gateway device that takes it for the device, undefined where the device connects itself. */
  parentKey: string | undefined;
  expiresAt: number;
  /** Called back: it is not sent any more. */
  withdrawn: boolean;
  /** What the device is sent; empty where it is withdrawn. */
  payload: Uint8Array;
}

/** What became of a command, as a gateway or the normaliser learnt it. `sent`: handed to the device's session, or to its cluster. */
export const commandOutcomes = ['sent', 'acknowledged', 'replied'] as const;
export interface CommandOutcome {
  kind: (typeof commandOutcomes)[number];
  commandId: string;
  tenantKey: string;
  deviceKey: string;
  at: number;
  /** The raw message of a reply, else ''. */
  messageId: string;
  /** The reply as the device sent it, else empty. */
  payload: Uint8Array;
}

/** Encodes commands of one partition as one `commands` entry. */
export function encodeCommands(commands: readonly Command[]): Buffer {
  return encodeGroup(commands.map((command) => [command]));
}

/** Decodes a `commands` entry. Throws `ContractError` on an unknown version or shape. */
export function decodeCommands(entry: Uint8Array): Command[] {
  return decodeGroup(entry, (row) => row[0] as Command);
}

/** Encodes outcomes of one partition as one `command-outcomes` entry. */
export function encodeCommandOutcomes(outcomes: readonly CommandOutcome[]): Buffer {
  return encodeGroup(outcomes.map((outcome) => [outcome]));
}

/** Decodes a `command-outcomes` entry. Throws `ContractError` on an unknown version or shape. */
export function decodeCommandOutcomes(entry: Uint8Array): CommandOutcome[] {
  return decodeGroup(entry, (row) => row[0] as CommandOutcome);
}
