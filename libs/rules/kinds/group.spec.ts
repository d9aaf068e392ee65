import { describe, expect, it } from '@jest/globals';
import type { DefinitionOf } from '../rule-definition.js';
import { initialGroup, readMember } from './group.js';

const rule = { kind: 'group', conditions: [], minimum: 2, windowMs: 600_000 } as unknown as DefinitionOf<'group'>;

/** What members say, as `a+10`: the member a meets the condition at 10 s; `a-20`: it ceased. */
function say(words: string, before = initialGroup): { said: string[]; state: typeof initialGroup } {
  let state = before;
  const said: string[] = [];
  for (const word of words.split(' ')) {
    const deviceKey = word.charAt(0);
    const observedAt = Number(word.slice(2)) * 1000;
    const outcome = readMember(rule, state, {
      deviceKey,
      deviceId: deviceKey,
      meets: word.charAt(1) === '+',
      observedAt,
    });
    state = outcome.state;
    said.push(...outcome.verdicts.map(({ kind, observedAt: at }) => `${kind}@${at / 1000}`));
  }
  return { said, state };
}

describe('a group', () => {
  it.each([
    [
      'is raised by the second member, repeats for another, and ends with the last',
      'a+1 b+2 c+3 a-4 b-5 c-6',
      'raised@2 repeated@3 cleared@6',
    ],
    ['counts a member that met the condition within the window', 'a+1 a-2 b+500', 'raised@500'],
    ['does not count one that ceased before it', 'a+1 a-2 b+700', ''],
    ['says nothing of a member that goes on', 'a+1 a+60 b+61 a+120 b+121 a-130 b-131', 'raised@61 cleared@131'],
    ['passes over what is older than the newest of a member', 'a+10 b+11 b-5 a-12 b-13', 'raised@11 cleared@13'],
    ['does not count a stranger that ceases: it met the condition elsewhere', 'a-1 b+2', ''],
  ])('%s', (_name, words, want) => {
    expect(say(words).said.join(' ')).toBe(want);
  });

  it('counts a member from when it went on, not from when it began', () => {
    expect(say('a+1 a-2 b+400 b+700 c+701').state.members.map(([key]) => key)).toEqual(['b', 'c']);
  });

  it('left without members while raised, as earlier releases did after a change of the rule, ends with the next that ceases', () => {
    const { state } = say('a+1 b+2');
    expect(say('a-3', { ...state, members: [] }).said).toEqual(['cleared@3']);
  });
});
