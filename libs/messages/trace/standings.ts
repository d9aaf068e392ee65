import { type Lane, streams } from '#libs/contracts';
import type { Lag } from '#libs/stream';
import type { Standing } from './trace-facts.js';

/** How far every group is, as the stream told it at one moment. */
export class Standings {
  constructor(private readonly lags: readonly Lag[]) {}

  /** The lag of a group in one place; all 0 where the group is not known there yet. */
  lag(stream: string, group: string, lane: Lane, partition: number): Lag {
    const found = this.lags.find(
      (lag) => lag.stream === stream && lag.group === group && lag.lane === lane && lag.partition === partition,
    );
    const messages = { appended: 0, entered: 0, acknowledged: 0, givenUp: 0 };
    return found ?? { stream, group, lane, partition, acknowledged: 0, last: 0, owed: 0, ageMs: 0, messages };
  }

  of(stream: string, group: string, lane: Lane, partition: number): Standing {
    const { acknowledged, last, ageMs, messages } = this.lag(stream, group, lane, partition);
    const behind = Math.max(0, messages.appended - messages.acknowledged);
    return { stage: group, stream, lane, partition, acknowledged, last, messages: behind, ageMs };
  }

  /** Those that a message of one place goes by. */
  alongTheFlow(lane: Lane, partition: number) {
    return {
      normaliser: this.of(streams.raw, 'normaliser', lane, partition),
      readings: this.of(streams.readings, 'readings', lane, partition),
      rules: this.of(streams.readings, 'rules', lane, partition),
      alerts: this.of(streams.transitions, 'alerts', lane, partition),
      deadLetters: this.of(streams.deadLetters, 'dead-letters', lane, partition),
    };
  }
}
