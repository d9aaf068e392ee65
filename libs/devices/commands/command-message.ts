import type { Command } from '#libs/contracts';
import type { OpenCommandRow } from './commands.repository.js';

/** Bytes that a command may have on its way to the device. */
export const longestCommandBytes = 8_192;

/** What a device is sent: canonical JSON, the same however often it is sent. */
export function commandMessage(row: OpenCommandRow): Command {
  const expiresAt = row.expiresAt.getTime();
  const content = {
    id: row.key,
    command: row.command,
    parameters: row.parameters,
    expiresAt: row.expiresAt.toISOString(),
  };
  return {
    id: row.key,
    tenantKey: row.tenantKey,
    deviceKey: row.deviceKey,
    parentKey: row.parentKey ?? undefined,
    expiresAt,
    withdrawn: false,
    payload: Buffer.from(JSON.stringify(content)),
  };
}

/** What a device replied: JSON where it is, else text; `{"error": ...}` says that it failed. */
export function readReply(payload: Uint8Array): { value: unknown; failed: boolean } {
  const text = Buffer.from(payload).toString().replaceAll('\0', '\ufffd').slice(0, longestCommandBytes);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // A reply in words is one too.
  }
  const failed = typeof value === 'object' && value !== null && 'error' in value && Boolean(value.error);
  return { value, failed };
}
