import { lanes } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import type { Lag, Place } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { fieldOf, type Keys } from './keys.js';
import { standingScript } from './scripts.js';

/** What the standing script answers of a place; 0 where nothing has ever been appended. */
export type Standing =
  | 0
  | [
      last: string,
      bytes: string,
      messages: string,
      entered: string,
      ...groups: [
        group: string,
        acknowledged: string,
        at: string,
        before: string,
        counted: string,
        givenUp: string,
        owed: string,
      ][],
    ];

/** How far behind the groups are. Every stage, every scrape and every health check asks. */
export class Standings {
  private look: Promise<Lag[]> | undefined;
  private next: Promise<Lag[]> | undefined;

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly partitions: number,
    private readonly clock: Clock,
  ) {}

  /** Who asks while a look is under way shares the next one: it begins after all of them have asked. */
  lag(): Promise<Lag[]> {
    this.next ??= this.lookAfter(this.look);
    return this.next;
  }

  private async lookAfter(before: Promise<unknown> | undefined): Promise<Lag[]> {
    await before?.catch(() => undefined);
    this.next = undefined;
    this.look = this.read();
    return this.look;
  }

  private async read(): Promise<Lag[]> {
    const { connection, keys } = this;
    const groupsOf = new Map<string, string[]>();
    for (const name of await connection.ask((client) => client.smembers(keys.groups))) {
      const [stream = '', group = ''] = name.split(' ');
      groupsOf.set(stream, [...(groupsOf.get(stream) ?? []), group]);
    }
    const places = [...groupsOf.keys()].flatMap((stream) => lanes.map((lane) => ({ stream, lane })));
    if (places.length === 0) return [];
    const now = this.clock.now();
    const partitions = Array.from({ length: this.partitions }, async (_, partition) => {
      const scriptKeys = [
        keys.tails(partition),
        keys.commits(partition),
        ...places.map((place) => keys.entries({ ...place, partition })),
      ];
      const args = places.flatMap(({ stream, lane }) => {
        return [fieldOf(stream, lane), stream, lane, (groupsOf.get(stream) ?? []).join(' ')];
      });
      const answer = await connection.ask(() => connection.run(standingScript, scriptKeys, args));
      return (answer as Standing[]).flatMap((standing, index) => {
        const place = { ...(places[index] as Omit<Place, 'partition'>), partition };
        return lagsOf(place, standing, groupsOf.get(place.stream) ?? [], now);
      });
    });
    return (await Promise.all(partitions)).flat();
  }
}

function lagsOf(place: Place, standing: Standing, groups: readonly string[], now: number): Lag[] {
  if (standing === 0) {
    const messages = { appended: 0, entered: 0, acknowledged: 0, givenUp: 0 };
    return groups.map((group) => ({ ...place, group, acknowledged: 0, last: 0, owed: 0, ageMs: 0, messages }));
  }
  const [last, , appended, entered, ...found] = standing;
  return found.map(([group, acknowledged, at, , counted, givenUp, owed]) => ({
    ...place,
    group,
    acknowledged: Number(acknowledged),
    last: Number(last),
    owed: Number(owed),
    ageMs: at === '' ? 0 : Math.max(0, now - Number(at)),
    messages: {
      appended: Number(appended),
      entered: Number(entered),
      acknowledged: Number(counted),
      givenUp: Number(givenUp),
    },
  }));
}
