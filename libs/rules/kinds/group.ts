import type { DefinitionOf } from '../rule-definition.js';
import { cooling, type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

/** A member of a group began or ceased to meet the rule's condition, or still meets it. */
export interface MemberEvent {
  deviceKey: string;
  /** What people call the device. */
  deviceId: string;
  meets: boolean;
  observedAt: number;
}

/** [device key, device id, meets now, event time of its latest change] */
export type Member = readonly [deviceKey: string, deviceId: string, meets: boolean, at: number];

export interface GroupState extends Standing {
  members: readonly Member[];
}

export const initialGroup: GroupState = { ...quiet, members: [] };

/** No more members are remembered than this; the longest unheard of that does not meet the condition goes first. */
const mostMembers = 256;

/**
 * Counts the members that meet the condition now or did within the window. Another member repeats at once: it is news.
 * Ends when none meets it any more. A member never heard of that ceases is none: it met the condition somewhere else.
 */
export function readMember(rule: DefinitionOf<'group'>, state: GroupState, event: MemberEvent): Evaluation<GroupState> {
  const known = state.members.find(([key]) => key === event.deviceKey);
  if (known && (event.observedAt < known[3] || (!known[2] && !event.meets))) return still(state);
  const latest = state.members.reduce((at, member) => Math.max(at, member[3]), event.observedAt);
  const others = state.members.filter(
    ([key, , meets, at]) => key !== event.deviceKey && (meets || latest - at <= rule.windowMs),
  );
  const next: GroupState = {
    ...state,
    members: known || event.meets ? bounded([...others, memberOf(event)]) : others,
  };
  const evidence = () => ({
    devices: next.members.map(([, id]) => id),
    count: next.members.length,
    windowMs: rule.windowMs,
  });
  if (!event.meets) {
    const goesOn = next.members.some(([, , meets]) => meets);
    return goesOn ? still(next, true) : hush(next, event.observedAt, evidence, true);
  }
  if (next.members.length < rule.minimum || cooling(rule, next, event.observedAt)) return still(next, true);
  const isNews = !known?.[2];
  return speak({ ...rule, repeatMs: isNews ? 0 : undefined }, next, event.observedAt, evidence, true);
}

function memberOf({ deviceKey, deviceId, meets, observedAt }: MemberEvent): Member {
  return [deviceKey, deviceId, meets, observedAt];
}

function bounded(members: readonly Member[]): readonly Member[] {
  if (members.length <= mostMembers) return members;
  const idle = members.filter(([, , meets]) => !meets).sort((a, b) => a[3] - b[3])[0] ?? members[0];
  return members.filter((member) => member !== idle);
}
