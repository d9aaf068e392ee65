import { overlap } from '../topics.js';

/** What devices publish, each topic in one of them. */
export const deviceFilters: readonly string[] = ['devices/+', 'devices/+/children/+'].flatMap((device) =>
  ['telemetry', 'up', 'up/+', 'events/+', 'commands/+/reply'].map((kind) => `${device}/${kind}`),
);

/** What we publish ourselves: a filter that has it would bring it back to us. */
const ownTopics = ['devices/+/commands/+', 'devices/+/children/+/commands/+'];

/** What is wrong with a list of topic filters, and the fix; undefined where nothing is. */
export function filterProblem(filters: readonly string[]): string | undefined {
  for (const [index, filter] of filters.entries()) {
    if (!isFilter(filter)) return `"${filter}" is no MQTT topic filter: + and # are whole levels, # the last one`;
    if (filter.startsWith('$')) return `"${filter}" begins with $: leave $share out, the group is BRIDGE_GROUP`;
    const own = ownTopics.find((topic) => overlap(topic, filter));
    if (own) return `"${filter}" has topics of ${own}, the commands that we publish: name the topics of devices only`;
    const twice = filters.slice(0, index).find((other) => overlap(other, filter));
    if (twice) return `"${twice}" and "${filter}" have topics in common: each message would come twice`;
  }
  return undefined;
}

/** MQTT 5.0, 4.7.1. */
function isFilter(text: string): boolean {
  const levels = text.split('/');
  return (
    text.length > 0 &&
    levels.every((level, at) => level === '+' || (level === '#' && at === levels.length - 1) || !/[+#]/.test(level))
  );
}
