/** What is kept of a device's latest reading of one metric; numbers only, texts apart. */
export interface LatestCell {
  metric: number;
  observedAt: number;
  seq: number;
  revision: number;
  kind: number;
  value: number;
  text: string;
  quality: number;
  receivedAt: number;
  storedAt: number;
  deviceTime: number;
  source: number;
  position: number;
  slot: number;
}

const pageBits = 16;
const pageRows = 1 << pageBits;
const pageMask = pageRows - 1;
/** A device with more metrics than this keeps the latest of the first ones only. */
export const maxLatestMetrics = 256;

const page = () => ({
  device: new Int32Array(pageRows),
  metric: new Int32Array(pageRows),
  /** The device's next cell plus one, 0 at the end. */
  next: new Int32Array(pageRows),
  observedAt: new Float64Array(pageRows),
  seq: new Float64Array(pageRows),
  revision: new Int32Array(pageRows),
  kind: new Uint8Array(pageRows),
  value: new Float64Array(pageRows),
  quality: new Int32Array(pageRows),
  receivedAt: new Float64Array(pageRows),
  storedAt: new Float64Array(pageRows),
  deviceTime: new Float64Array(pageRows),
  source: new Int32Array(pageRows),
  position: new Float64Array(pageRows),
  slot: new Int32Array(pageRows),
  /** 1 where the cell changed since it was last written down. */
  dirty: new Uint8Array(pageRows),
  /** 1 where the reading was deleted by age. */
  gone: new Uint8Array(pageRows),
});
type Page = ReturnType<typeof page>;

/**
 * The latest reading of every metric of every device, in typed arrays: 95 bytes a cell, nothing for the garbage collector
 * to walk. Latest is by (observedAt, seq, revision, message): the last of `range`, whatever order they came in.
 */
export class LatestMap {
  private pages: Page[] = [];
  private readonly texts = new Map<number, string>();
  private first = new Int32Array(1_024);
  private cells = 0;
  private changed: number[] = [];

  /** How many cells there are. */
  get size(): number {
    return this.cells;
  }

  /** How many cells changed since `takeChanged`. */
  get changedCells(): number {
    return this.changed.length;
  }

  /**
   * Offers a reading. True where it is new beyond doubt: later in (observedAt, seq) than all that is known of its device
   * and metric, so that no stored reading can have its identity.
   */
  offer(device: number, cell: LatestCell): boolean {
    const at = this.cellOf(device, cell.metric);
    if (at < 0) return false;
    const found = this.pages[at >> pageBits] as Page;
    const row = at & pageMask;
    if (found.device[row] === 0) {
      found.device[row] = device;
      found.metric[row] = cell.metric;
      this.put(found, row, at, cell);
      return true;
    }
    const order = this.compare(found, row, cell);
    if (order !== 'earlier') this.put(found, row, at, cell);
    return order === 'new';
  }

  /** The latest readings of a device, in order of metric id. */
  of(device: number): LatestCell[] {
    const found: LatestCell[] = [];
    let at = (this.first[device] ?? 0) - 1;
    while (at >= 0) {
      const cell = this.read(at);
      if (cell) found.push(cell);
      at = (this.pages[at >> pageBits]?.next[at & pageMask] ?? 0) - 1;
    }
    return found.sort((a, b) => a.metric - b.metric);
  }

  /** The cells that changed since the last call, as numbers for `readChanged`. */
  takeChanged(): number[] {
    const taken = this.changed;
    this.changed = [];
    for (const at of taken) (this.pages[at >> pageBits] as Page).dirty[at & pageMask] = 0;
    return taken;
  }

  /** Takes back what `takeChanged` gave: it could not be written down. */
  restoreChanged(cells: readonly number[]): void {
    for (const at of cells) {
      const found = this.pages[at >> pageBits];
      if (!found || found.dirty[at & pageMask]) continue;
      found.dirty[at & pageMask] = 1;
      this.changed.push(at);
    }
  }

  /** A cell and its device, by number; undefined where it was deleted. */
  readChanged(at: number): { device: number; cell: LatestCell } | undefined {
    const cell = this.read(at);
    return cell && { device: this.pages[at >> pageBits]?.device[at & pageMask] ?? 0, cell };
  }

  /** Forgets readings observed before `before`. */
  deleteBefore(before: number): void {
    for (let at = 0; at < this.cells; at += 1) {
      const found = this.pages[at >> pageBits] as Page;
      if ((found.observedAt[at & pageMask] ?? 0) < before) found.gone[at & pageMask] = 1;
    }
  }

  clear(): void {
    this.pages = [];
    this.texts.clear();
    this.first = new Int32Array(1_024);
    this.cells = 0;
    this.changed = [];
  }

  /** The cell of a device's metric, made where there is none; -1 where the device has too many. */
  private cellOf(device: number, metric: number): number {
    if (device >= this.first.length) this.growTo(device);
    let at = (this.first[device] ?? 0) - 1;
    let last = -1;
    let count = 0;
    while (at >= 0) {
      const found = this.pages[at >> pageBits] as Page;
      if (found.metric[at & pageMask] === metric) return at;
      last = at;
      count += 1;
      at = (found.next[at & pageMask] ?? 0) - 1;
    }
    if (count >= maxLatestMetrics) return -1;
    const made = this.cells;
    this.cells += 1;
    if (made >> pageBits >= this.pages.length) this.pages.push(page());
    if (last < 0) this.first[device] = made + 1;
    else (this.pages[last >> pageBits] as Page).next[last & pageMask] = made + 1;
    return made;
  }

  private growTo(device: number): void {
    const grown = new Int32Array(Math.max(device + 1, this.first.length * 2));
    grown.set(this.first);
    this.first = grown;
  }

  /** How `cell` stands to the one kept: `new` by identity, `later` by revision or message only, or `earlier`. */
  private compare(found: Page, row: number, cell: LatestCell): 'new' | 'later' | 'earlier' {
    if (found.gone[row]) return 'later';
    const identity = cell.observedAt - (found.observedAt[row] as number) || cell.seq - (found.seq[row] as number);
    if (identity !== 0) return identity > 0 ? 'new' : 'earlier';
    const rest =
      cell.revision - (found.revision[row] as number) ||
      cell.position - (found.position[row] as number) ||
      cell.slot - (found.slot[row] as number);
    return rest > 0 ? 'later' : 'earlier';
  }

  private put(found: Page, row: number, at: number, cell: LatestCell): void {
    found.observedAt[row] = cell.observedAt;
    found.seq[row] = cell.seq;
    found.revision[row] = cell.revision;
    found.kind[row] = cell.kind;
    found.value[row] = cell.value;
    found.quality[row] = cell.quality;
    found.receivedAt[row] = cell.receivedAt;
    found.storedAt[row] = cell.storedAt;
    found.deviceTime[row] = cell.deviceTime;
    found.source[row] = cell.source;
    found.position[row] = cell.position;
    found.slot[row] = cell.slot;
    found.gone[row] = 0;
    if (cell.text !== '') this.texts.set(at, cell.text);
    else if (this.texts.size > 0) this.texts.delete(at);
    if (found.dirty[row] === 0) {
      found.dirty[row] = 1;
      this.changed.push(at);
    }
  }

  private read(at: number): LatestCell | undefined {
    const found = this.pages[at >> pageBits];
    const row = at & pageMask;
    if (!found || found.gone[row]) return undefined;
    return {
      metric: found.metric[row] as number,
      observedAt: found.observedAt[row] as number,
      seq: found.seq[row] as number,
      revision: found.revision[row] as number,
      kind: found.kind[row] as number,
      value: found.value[row] as number,
      text: this.texts.get(at) ?? '',
      quality: found.quality[row] as number,
      receivedAt: found.receivedAt[row] as number,
      storedAt: found.storedAt[row] as number,
      deviceTime: found.deviceTime[row] as number,
      source: found.source[row] as number,
      position: found.position[row] as number,
      slot: found.slot[row] as number,
    };
  }
}
