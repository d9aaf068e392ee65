import { Inject, Injectable } from '@nestjs/common';
import { type KnownDevice, mayConnect, ProductCatalogue } from '#libs/devices';
import { RuleFeed } from './rule-feed.js';
import { type BookRule, RuleIndex } from './rule-index.js';
import { planOf, type RulePlan } from './rule-plan.js';

const noRules = planOf([]);
const noTags: Readonly<Record<string, unknown>> = Object.freeze({});

/** Which rules judge which device, compiled once per change of the rules or products. */
@Injectable()
export class RuleBook {
  private index = new RuleIndex([]);
  private feedVersion = 0;
  private productVersion = 0;

  constructor(
    @Inject(RuleFeed) private readonly feed: RuleFeed,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
  ) {
    catalogue.onChange(() => {
      this.productVersion += 1;
    });
  }

  /** Grows whenever a plan given earlier may no longer be right. */
  get version(): number {
    return this.feed.version + this.productVersion;
  }

  /** Any rule ever made, withdrawn ones included. */
  byOrdinal(ordinal: number): BookRule | undefined {
    return this.current().byOrdinal(ordinal);
  }

  /** Looks for changes of the rules at once, not with the next poll. */
  catchUp(): Promise<void> {
    return this.feed.catchUp();
  }

  /** The rules that judge the device; none where it may not connect. */
  planFor(device: KnownDevice): RulePlan {
    if (!mayConnect(device.status)) return noRules;
    const product = this.catalogue.current(device.productKey);
    return this.current().planFor({
      id: device.id,
      tenantKey: device.tenantKey,
      productId: product?.productId,
      domain: product?.domain,
      building: device.building,
      tags: device.tags ?? noTags,
      settings: device.settings,
    });
  }

  private current(): RuleIndex {
    if (this.feedVersion !== this.feed.version) {
      this.index = new RuleIndex(this.feed.all());
      this.feedVersion = this.feed.version;
    }
    return this.index;
  }
}
