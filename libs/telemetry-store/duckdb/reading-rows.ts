import { type NormalisedMessage, parseMessageId, type Reading, type Report } from '#libs/contracts';
import type { LatestCell } from './latest-map.js';
import { none, sourceOf } from './schema.js';

/** How values are stored: booleans as 0 and 1 in `value`, strings as they are and objects as JSON in `text`. */
export const valueKinds = { number: 0, boolean: 1, string: 2, object: 3 } as const;

/** Where a message came from: the three columns that stand for its id. */
export interface MessagePlace {
  source: number;
  position: number;
  slot: number;
}

/** The columns of a message id. Throws on text that is none. */
export function placeOf(messageId: string): MessagePlace {
  const id = parseMessageId(messageId);
  if (!id) throw new Error(`"${messageId.slice(0, 80)}" is not a message id`);
  return { source: sourceOf(id.lane, id.partition), position: id.position, slot: id.index };
}

/** Fills `cell` with one reading: what the row and the latest map both keep. */
export function fillCell(
  cell: LatestCell,
  message: Pick<NormalisedMessage, 'receivedAt'>,
  place: MessagePlace,
  report: Pick<Report, 'observedAt' | 'seq' | 'revision' | 'deviceTime'>,
  reading: Reading,
): LatestCell {
  cell.observedAt = report.observedAt;
  cell.seq = report.seq ?? none;
  cell.revision = report.revision;
  cell.quality = reading.quality;
  cell.receivedAt = message.receivedAt;
  cell.deviceTime = report.deviceTime ?? none;
  cell.source = place.source;
  cell.position = place.position;
  cell.slot = place.slot;
  cell.text = '';
  cell.value = 0;
  const { value } = reading;
  switch (typeof value) {
    case 'number':
      cell.kind = valueKinds.number;
      cell.value = value;
      break;
    case 'boolean':
      cell.kind = valueKinds.boolean;
      cell.value = value ? 1 : 0;
      break;
    case 'string':
      cell.kind = valueKinds.string;
      cell.text = value;
      break;
    default:
      cell.kind = valueKinds.object;
      cell.text = JSON.stringify(value ?? null);
  }
  return cell;
}

/** An empty cell to fill again and again. */
export function emptyCell(): LatestCell {
  return {
    metric: 0,
    observedAt: 0,
    seq: none,
    revision: 0,
    kind: 0,
    value: 0,
    text: '',
    quality: 0,
    receivedAt: 0,
    storedAt: 0,
    deviceTime: none,
    source: 0,
    position: 0,
    slot: 0,
  };
}
