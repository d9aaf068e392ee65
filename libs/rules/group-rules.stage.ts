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

interface KeptGroup {
  revision: number;
  state: GroupState;
}

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
    for (const reading of readings) {
      const rule = this.book.byOrdinal(reading.ruleOrdinal);
      const key = keyOf(reading);
      const kept = groups.get(key);
      if (rule?.definition.kind !== 'group') continue;
      const next = this.judge(rule, reading, kept, output);
      groups.set(key, next);
      output.save(key, next && encode(next));
    }
    this.host.metrics.transitions(output.transitions);
    return output.result(batch.source, this.stream.partitions);
  }

  private judge(
    rule: BookRule,
    reading: GroupReading,
    kept: KeptGroup | undefined,
    output: TransitionOutput,
  ): KeptGroup | undefined {
    const { definition } = rule;
    if (definition.kind !== 'group') return kept;
    const resumed = resume(rule, kept);
    const { deviceKey, deviceId, meets, observedAt } = reading;
    let outcome: Evaluation<GroupState>;
    if (!rule.enabled || rule.deleted) outcome = hush(resumed, observedAt, () => ({ reason: 'rule_withdrawn' }));
    else if (reading.ruleRevision !== rule.revision) return kept;
    else outcome = readMember(definition, resumed, { deviceKey, deviceId, meets, observedAt });
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
    return { revision: rule.revision, state: outcome.state };
  }
}

/** A changed rule starts anew with its members, and keeps what is raised until the last of them ends it. */
function resume(rule: BookRule, kept: KeptGroup | undefined): GroupState {
  if (!kept) return initialGroup;
  return kept.revision === rule.revision ? kept.state : { ...kept.state, members: [] };
}

/** Group names may be longer than keys of state. */
function keyOf({ ruleOrdinal, group: name }: GroupReading): string {
  return `g:${ruleOrdinal}:${createHash('sha256').update(name).digest('base64url')}`;
}

function encode({ revision, state }: KeptGroup): Buffer {
  return packr.pack([version, revision, state.raisedAt, state.saidAt, state.clearedAt, state.members]);
}

function decode(value: Uint8Array | undefined): KeptGroup | undefined {
  if (!value) return undefined;
  const row = packr.unpack(value) as [number, number, number, number, number, GroupState['members']];
  if (row[0] !== version) return undefined;
  return { revision: row[1], state: { raisedAt: row[2], saidAt: row[3], clearedAt: row[4], members: row[5] } };
}
