import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { severities } from '#libs/contracts';
import { deviceStates, type FleetGroup, type FleetTable } from '../fleet/fleet-table.js';
import type { ProductLabel } from '../product-label.js';

/** Devices handled before others get their turn. */
const devicesPerTurn = 5_000;

/** What is drawn. */
export interface PictureRequest {
  table: FleetTable;
  revision: string;
  /** Whether devices of the group are drawn, and whether their alerts are. */
  draws(group: FleetGroup): boolean;
  showsAlerts(group: FleetGroup): boolean;
  labelOf(productKey: string): ProductLabel;
  mostDevices: number;
}

/** A map as it is sent: JSON, compressed. */
export interface Picture {
  gzip: Buffer;
  revision: string;
  devices: number;
}

/** The slots to draw; undefined where there are too many. */
export async function slotsOf({ table, draws, mostDevices }: PictureRequest): Promise<Uint32Array | undefined> {
  const drawn = table.groups.map(draws);
  const slots = new Uint32Array(Math.min(mostDevices, table.columns.size));
  let count = 0;
  for (let slot = 0, { size } = table.columns; slot < size; slot += 1) {
    if (slot % devicesPerTurn === devicesPerTurn - 1) await nextTurn();
    // A group that came up meanwhile is told of by the stream.
    if (drawn[table.columns.group[slot] as number] !== true || !table.isOnMap(slot)) continue;
    if (count === mostDevices) return undefined;
    slots[count] = slot;
    count += 1;
  }
  return slots.subarray(0, count);
}

/** Draws the slots, a piece at a time, so that everybody else goes on meanwhile. */
export async function drawPicture(request: PictureRequest, slots: Uint32Array): Promise<Picture> {
  // Level 4 costs half of the default, and gives up a few hundredths.
  const gzip = await buffer(Readable.from(contentOf(request, slots)).pipe(createGzip({ level: 4 })));
  return { gzip, revision: request.revision, devices: slots.length };
}

async function* contentOf(request: PictureRequest, slots: Uint32Array): AsyncGenerator<string> {
  const { table, labelOf, showsAlerts, draws } = request;
  const { columns } = table;
  // As of now: a device that joins another group while it is drawn is told of by the stream.
  const groups = [...table.groups];
  const drawnGroups = groups.map(draws);
  const products = indexed(groups, drawnGroups, (group) => labelOf(group.productKey).productId);
  const areas = indexed(groups, drawnGroups, (group) => group.areaCode);
  const shown = groups.map(showsAlerts);
  const labels = products.first.map((group) => {
    const { productId: id, name, domain } = labelOf(group.productKey);
    return { id, name, domain };
  });
  yield `{"revision":${JSON.stringify(request.revision)},"products":${JSON.stringify(labels)},"areas":${JSON.stringify(areas.names)},`;
  yield `"states":${JSON.stringify(deviceStates)},"severities":${JSON.stringify(severities)},"devices":{`;
  const groupOf = (slot: number) => columns.group[slot] as number;
  const drawn: [string, (slot: number) => number | string | null][] = [
    ['id', (slot) => JSON.stringify(columns.idOf(slot))],
    ['longitude', (slot) => columns.positionOf(slot)?.longitude ?? null],
    ['latitude', (slot) => columns.positionOf(slot)?.latitude ?? null],
    ['product', (slot) => products.of[groupOf(slot)] ?? 0],
    ['area', (slot) => areas.of[groupOf(slot)] ?? 0],
    ['state', (slot) => columns.state[slot] as number],
    ['severity', (slot) => (shown[groupOf(slot)] ? (columns.severity[slot] as number) : severities.length)],
  ];
  for (const [index, [column, figure]] of drawn.entries()) {
    yield `${index === 0 ? '' : ','}"${column}":[`;
    for (let from = 0; from < slots.length; from += devicesPerTurn) {
      const piece = [...slots.subarray(from, from + devicesPerTurn)].map((slot) => String(figure(slot))).join(',');
      yield from === 0 ? piece : `,${piece}`;
      await nextTurn();
    }
    yield ']';
  }
  yield '}}';
}

/** The different names of the groups drawn, the first group of each, and for each group the index of its own. */
function indexed(groups: readonly FleetGroup[], drawn: readonly boolean[], nameOf: (group: FleetGroup) => string) {
  const order = new Map<string, number>();
  const first: FleetGroup[] = [];
  const of = groups.map((group, index) => {
    // What is not the viewer's to see is not named either.
    if (!drawn[index]) return undefined;
    const name = nameOf(group);
    const known = order.get(name);
    if (known !== undefined) return known;
    order.set(name, first.length);
    return first.push(group) - 1;
  });
  return { names: [...order.keys()], first, of };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
