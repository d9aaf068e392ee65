import { randomBytes } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ProductCatalogue } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { Fleet } from '../fleet/fleet.js';
import type { FleetGroup } from '../fleet/fleet-table.js';
import type { LiveTurn } from '../live-streams.js';
import { type OverviewConfig, overviewConfig } from '../overview.config.js';
import { mapTooLarge } from '../overview.errors.js';
import { labelOf } from '../product-label.js';
import type { Viewer } from '../viewers.js';
import type { MapQuery } from './map.dto.js';
import { type ChangeSight, newsAfter } from './map-changes.js';
import { drawPicture, type Picture, slotsOf } from './map-picture.js';
import { formatRevision, type Revision } from './map-revision.js';

/** Maps that are kept for a moment; each takes some 15 bytes a device. */
const rememberedPictures = 16;

/** The map: every device at once, and what becomes of them. */
export class MapService {
  private readonly pictures = new LRUCache<string, { at: number; picture: Promise<Picture> }>({
    max: rememberedPictures,
  });
  private readonly boot: string;

  constructor(
    @Inject(overviewConfig.KEY) private readonly config: OverviewConfig,
    @Inject(Fleet) private readonly fleet: Fleet,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.boot = `${clock.now().toString(36)}${randomBytes(2).readUInt16BE().toString(36)}`;
  }

  /** Undefined where nothing that the viewer sees has changed since one of `known`. Throws 503 while devices are read, 400 where there are too many. */
  async picture(viewer: Viewer, query: MapQuery, known: readonly Revision[]): Promise<Picture | undefined> {
    this.fleet.requireLoaded();
    const sight = this.sightOf(viewer);
    if (known.some(({ boot, number }) => boot === this.boot && newsAfter(number, sight).kind === 'nothing')) {
      return undefined;
    }
    const name = JSON.stringify([viewer.scope, query.product, query.area]);
    const now = this.clock.now();
    const kept = this.pictures.get(name);
    if (kept && now >= kept.at && now - kept.at < this.config.mapCacheMs) return await kept.picture;
    const picture = this.draw(viewer, query);
    this.pictures.set(name, { at: now, picture });
    picture.catch(() => this.pictures.delete(name));
    return await picture;
  }

  /** Events for somebody who knows everything up to `from`; from now on where undefined. */
  turnsFrom(from: Revision | undefined): LiveTurn {
    let position = from === undefined ? this.fleet.log.revision : from.boot === this.boot ? from.number : -1;
    return (viewer) => {
      const news = newsAfter(position, this.sightOf(viewer));
      position = news.upTo;
      if (news.kind === 'nothing') return undefined;
      const data = news.kind === 'changes' ? news.changes : {};
      const id = formatRevision({ boot: this.boot, number: news.upTo });
      return `id: ${id}\nevent: ${news.kind}\ndata: ${JSON.stringify(data)}\n\n`;
    };
  }

  private async draw(viewer: Viewer, { product, area = '' }: MapQuery): Promise<Picture> {
    const label = (productKey: string) => labelOf(this.catalogue, productKey);
    const request = {
      table: this.fleet.table,
      // What changes while it is drawn is told again by the stream.
      revision: formatRevision({ boot: this.boot, number: this.fleet.log.revision }),
      draws: (group: FleetGroup) =>
        viewer.sees(group) &&
        group.areaCode.startsWith(area) &&
        (product === undefined || label(group.productKey).productId === product),
      showsAlerts: (group: FleetGroup) => viewer.seesAlerts(group),
      labelOf: label,
      mostDevices: this.config.mapDevices,
    };
    const slots = await slotsOf(request);
    if (!slots) throw mapTooLarge(this.config.mapDevices);
    return await drawPicture(request, slots);
  }

  private sightOf(viewer: Viewer): ChangeSight {
    const { log, table } = this.fleet;
    return {
      log,
      table,
      sees: viewer.sees,
      seesAlerts: (group) => viewer.seesAlerts(group),
      productIdOf: (key) => labelOf(this.catalogue, key).productId,
    };
  }
}
