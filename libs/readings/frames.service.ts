import { Inject } from '@nestjs/common';
import type { Principal } from '#libs/access';
import { parseMessageId } from '#libs/contracts';
import { ProductCatalogue, VisibleDevices } from '#libs/devices';
import { CLOCK, type Clock, decodeCursor, type Page, toPage } from '#libs/runtime';
import { TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { frameView } from './reading-views.js';
import type { FramesQuery, FrameView } from './readings.dto.js';
import { cursorInvalid, frameNotFound } from './readings.errors.js';
import { rangeOf } from './readings.service.js';

/** Questions about what devices sent, byte for byte. */
export class FramesService {
  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A page of a device's frames, newest first. */
  async page(principal: Principal, id: string, query: FramesQuery): Promise<Page<FrameView>> {
    const device = await this.devices.byId(principal, id);
    const before = beforeOf(query.cursor);
    const rows = await this.store.frames({
      deviceKey: device.key,
      range: rangeOf(query, this.clock.now()),
      limit: query.limit + 1,
      before,
    });
    return toPage(
      rows,
      query.limit,
      (row) => [row.receivedAt, row.messageId],
      (row) => frameView(row, this.catalogue),
    );
  }

  /** One frame. Throws 404 where the device sent no such message. */
  async one(principal: Principal, id: string, messageId: string): Promise<FrameView> {
    const device = await this.devices.byId(principal, id);
    const frame = parseMessageId(messageId) && (await this.store.frame(device.key, messageId));
    if (!frame) throw frameNotFound(messageId);
    return frameView(frame, this.catalogue);
  }
}

function beforeOf(cursor: string | undefined): Parameters<TelemetryStore['frames']>[0]['before'] {
  const [receivedAt, messageId] = decodeCursor(cursor, 2) ?? [];
  if (cursor === undefined) return undefined;
  if (typeof receivedAt !== 'number' || typeof messageId !== 'string' || !parseMessageId(messageId))
    throw cursorInvalid();
  return { receivedAt, messageId };
}
