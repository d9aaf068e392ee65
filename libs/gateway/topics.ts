import { canonicalDeviceId, type RawKind } from '#libs/contracts';

/** What a topic that a device publishes on means. */
export type TopicMeaning =
  | { kind: 'message'; messageKind: RawKind; name: string; child: string | undefined }
  | { kind: 'foreign' }
  | { kind: 'malformed' };

const foreign: TopicMeaning = { kind: 'foreign' };
const malformed: TopicMeaning = { kind: 'malformed' };
const eventPattern = /^[A-Za-z0-9_.-]{1,64}$/;
const portPattern = /^\d{1,3}$/;
const highestPort = 255;

/** The canonical id of the device that a topic names, undefined where it names none. */
export function topicOwner(topic: string): string | undefined {
  const [root, id] = topic.split('/', 2);
  return root === 'devices' && id ? canonicalDeviceId(id) : undefined;
}

/**
 * Reads a topic that device `ownId` (canonical) publishes on. Children are named as in the topic; whether they are its
 * own is for the caller to find out.
 */
export function readTopic(topic: string, ownId: string): TopicMeaning {
  if (hasForbiddenCharacters(topic)) return malformed;
  const levels = topic.split('/');
  if (levels[0] !== 'devices' || levels[1] === undefined || canonicalDeviceId(levels[1]) !== ownId) return foreign;
  if (levels[2] !== 'children') return readPath(levels.slice(2), undefined);
  const child = levels[3];
  return child ? readPath(levels.slice(4), canonicalDeviceId(child)) : foreign;
}

function readPath(path: readonly string[], child: string | undefined): TopicMeaning {
  const [first, second, third] = path;
  if (path.length === 1 && (first === 'telemetry' || first === 'up')) {
    return { kind: 'message', messageKind: first, name: '', child };
  }
  if (path.length === 2 && first === 'up' && isPort(second)) {
    return { kind: 'message', messageKind: 'up', name: second, child };
  }
  if (path.length === 2 && first === 'events' && isEventName(second)) {
    return { kind: 'message', messageKind: 'event', name: second, child };
  }
  if (path.length === 3 && first === 'commands' && isEventName(second) && third === 'reply') {
    return { kind: 'message', messageKind: 'reply', name: second, child };
  }
  return foreign;
}

/** A LoRaWAN fPort or the like, 0 to 255, without leading zeros. */
export function isPort(text: string | undefined): text is string {
  return text !== undefined && portPattern.test(text) && Number(text) <= highestPort && String(Number(text)) === text;
}

/** What a thing model event may be called in a topic or URL. */
export function isEventName(text: string | undefined): text is string {
  return text !== undefined && eventPattern.test(text);
}

/**
 * Whether device `ownId` (canonical) may subscribe to a filter: below `devices/{its id}/commands/`, or below
 * `devices/{its id}/children/{child or +}/commands/`. Nothing else; in particular no wildcard above its own id.
 */
export function mayReceive(filter: string, ownId: string): boolean {
  const levels = filter.split('/');
  if (levels[0] !== 'devices' || levels[1] === undefined || canonicalDeviceId(levels[1]) !== ownId) return false;
  const path = levels[2] === 'children' && levels[3] && levels[3] !== '#' ? levels.slice(4) : levels.slice(2);
  return path[0] === 'commands' && path.length >= 2;
}

/** Whether some topic matches both filters; with a topic for one of them, whether the filter matches it. */
export function overlap(first: string, second: string): boolean {
  const [a, b] = [first.split('/'), second.split('/')];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    // "a/#" also matches "a".
    if (a[at] === '#' || b[at] === '#') return true;
    if (a[at] === undefined || b[at] === undefined) return false;
    if (a[at] !== '+' && b[at] !== '+' && a[at] !== b[at]) return false;
  }
  return true;
}

/** Where a device is sent a command; `parentId` is the gateway device that takes it for the device. */
export function commandTopic(commandId: string, deviceId: string, parentId: string | undefined): string {
  const device = parentId === undefined ? deviceId : `${parentId}/children/${deviceId}`;
  return `devices/${device}/commands/${commandId}`;
}

/** NUL, control characters, what was not UTF-8 (MQTT 3.1.1 clause 1.5.3) and wildcards. */
function hasForbiddenCharacters(topic: string): boolean {
  if (topic.length === 0) return true;
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at);
    if (code < 0x20 || code === 0x7f || code === 0x23 || code === 0x2b || code === 0xfffd) return true;
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = topic.charCodeAt(at + 1);
      if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return true;
      at++;
    }
  }
  return false;
}
