import { createHash } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Packr } from 'msgpackr';
import { decodeGroupReadings, type GroupReading } from '#libs/contracts';
import { buildingOf } from '#libs/devices';
import { STREAM, type StageBatch, type StageResult, type StreamLog } from '#libs/stream';
import { type GroupState, initialGroup, readMember } from './kinds/group.js';
import { type Evaluation, hush } from './kinds/standing.js';
import { RuleBook } from './rule-book.js';
import type { BookRule } from './rule-index.js';
import { RulesHost } from './rules-host.js';
import { TransitionOutput, transitionOf } from './transition-output.js';

const group = 'rules';
const version = 1;
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });

/** Joins what members of a group report. Rare beside readings: state is read and saved with each batch. */
@Controller()
export class GroupRulesStage {
  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(RuleBook) private readonly book: RuleBook,
    @Inject(RulesHost) private readonly host: RulesHost,
  ) {}

  @EventPattern('group-readings/rules')
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const output = new TransitionOutput();
    const readings = batch.entries.flatMap((entry) => decodeGroupReadings(entry.data));
    const keys = [...new Set(readings.map(keyOf))];
    const values = keys.length === 0 ? [] : await this.stream.readState(group, batch.source.partition, keys);
    const groups = new Map(keys.map((key, i) => [key, decode(values[i])]));
    if (readings.some((reading) => this.isAhead(reading))) await this.book.catchUp();
    for (const reading of readings) {
      const rule = this.book.byOrdinal(reading.ruleOrdinal);
      const key = keyOf(reading);
      if (!rule) {
        this.host.metrics.discarded('unknown_rule', 1);
        continue;
      }
      const next = this.judge(rule, reading, groups.get(key) ?? initialGroup, output);
      groups.set(key, next);
      output.save(key, next && encode(rule.revision, next));
    }
    this.host.metrics.transitions(output.transitions);
    return output.result(batch.source, this.stream.partitions);
  }

  /** True where the process that judged the member knew of a change of the rules before this one. */
  private isAhead({ ruleOrdinal, ruleRevision }: GroupReading): boolean {
    const rule = this.book.byOrdinal(ruleOrdinal);
    return rule === undefined || rule.revision < ruleRevision;
  }

  private judge(
    rule: BookRule,
    reading: GroupReading,
    state: GroupState,
    output: TransitionOutput,
  ): GroupState | undefined {
    const { definition } = rule;
    const { deviceKey, deviceId, meets, observedAt } = reading;
    const isWithdrawn = !rule.enabled || rule.deleted || definition.kind !== 'group';
    const outcome: Evaluation<GroupState> = isWithdrawn
      ? hush({ ...state, members: [] }, observedAt, () => ({ reason: 'rule_withdrawn' }))
      : readMember(definition, state, { deviceKey, deviceId, meets, observedAt });
    this.host.metrics.evaluated(1);
    outcome.verdicts.forEach((verdict, place) => {
      const evidence = { building: buildingOf(reading.group), ...verdict.evidence };
      output.transitions.push(
        transitionOf(
          { ...verdict, evidence },
          {
            rule,
            tenantKey: reading.tenantKey,
            deviceKey,
            subject: reading.group,
            judgedAt: this.host.now(),
            messageId: reading.messageId,
            cause: `g${deviceKey}.${observedAt}.${place}`,
          },
        ),
      );
    });
    const { members, raisedAt, clearedAt } = outcome.state;
    if (members.length === 0 && raisedAt === 0 && clearedAt === 0) return undefined;
    return outcome.state;
  }
}

/** Group names may be longer than keys of state. */
function keyOf({ ruleOrdinal, group: name }: GroupReading): string {
  return `g:${ruleOrdinal}:${createHash('sha256').update(name).digest('base64url')}`;
}

/** The revision is there for processes of earlier releases, which start anew with another one. */
function encode(revision: number, { raisedAt, saidAt, clearedAt, members }: GroupState): Buffer {
  return packr.pack([version, revision, raisedAt, saidAt, clearedAt, members]);
}

function decode(value: Uint8Array | undefined): GroupState | undefined {
  if (!value) return undefined;
  const row = packr.unpack(value) as [number, number, number, number, number, GroupState['members']];
  return row[0] === version ? { raisedAt: row[2], saidAt: row[3], clearedAt: row[4], members: row[5] } : undefined;
}
