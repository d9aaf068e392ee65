import type { Clock } from '#libs/runtime';
import { devicesPerStatement, slices } from './conditions.js';
import { type BookedDay, hasUnsettled, holdsRollups, type RollupBooks, staleSince } from './rollup-books.js';
import type { RollupMaker } from './rollup-maker.js';

/** A day is rolled up this long after its end; what is stored later is marked as late well before. */
const closesAfterMs = 2 * 3_600_000;
/** A day that much comes late for is rolled up again once nothing has come for so long. */
const quietMs = 600_000;

/**
 * Rolls up days that are over, and again what came late for them. What is to do follows from what writers mark before they
 * move their positions, so a crash at any point loses nothing: the same is done once more. One process at a time.
 */
export class Rollups {
  constructor(
    private readonly books: RollupBooks,
    private readonly maker: RollupMaker,
    private readonly clock: Clock,
  ) {}

  /** Does what is to do, newest day first; ends early where `goOn` says so between two parts. */
  async run(goOn: () => boolean): Promise<void> {
    const now = this.clock.now();
    const { reading } = await this.books.kept();
    for (const day of await this.books.daysThatHold({ from: reading, to: now - closesAfterMs })) {
      const due = !holdsRollups(day) && now - staleSince(day) >= quietMs;
      if (due && !(await this.rollUp(day, goOn))) return;
      if ((due || holdsRollups(day)) && hasUnsettled(day) && !(await this.settle(day, goOn))) return;
    }
  }

  /** Rolls up all that goes when readings from before `cut` go. */
  async completeBefore(cut: number): Promise<void> {
    const { reading } = await this.books.kept();
    for (const day of await this.books.daysThatHold({ from: reading, to: cut })) {
      if (!holdsRollups(day)) await this.rollUp(day, () => true);
      if (hasUnsettled(day)) await this.settle(day, () => true);
    }
  }

  /** All of a day. False where it ended early: then it is begun anew another time. */
  private async rollUp(day: BookedDay, goOn: () => boolean): Promise<boolean> {
    for await (const part of this.maker.devices()) {
      for (const devices of slices(part, devicesPerStatement)) {
        if (!goOn()) return false;
        await this.maker.rollUp(day, devices);
      }
    }
    await this.books.setRolled(day);
    return true;
  }

  /** The devices that are marked apart. */
  private async settle(day: BookedDay, goOn: () => boolean): Promise<boolean> {
    const unsettled = await this.books.unsettledOf(day);
    for (const devices of slices([...unsettled.keys()], devicesPerStatement)) {
      if (!goOn()) return false;
      await this.maker.rollUp(day, devices);
    }
    await this.books.settle(day, unsettled);
    return true;
  }
}
