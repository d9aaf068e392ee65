import { hostname, userInfo } from 'node:os';
import type { AuditEntry } from '#libs/access';
import type { Clock } from '#libs/runtime';

/** The audit entry of a command that somebody ran on a machine of the platform: the system says who. */
export function commandEntry(command: 'backup' | 'restore', name: string, clock: Clock): AuditEntry {
  return {
    at: new Date(clock.now()),
    principalKind: 'anonymous',
    principalKey: null,
    principalName: `${userInfo().username}@${hostname()}`.slice(0, 200),
    tenantKey: null,
    method: 'COMMAND',
    route: command,
    resourceId: name.slice(0, 200),
    outcome: 'accepted',
    status: 200,
    code: null,
    ip: '127.0.0.1',
    requestId: '',
  };
}
