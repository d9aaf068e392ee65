import { beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptedClock } from './clock.js';
import { Lifecycle } from './lifecycle.js';
import { createLogger } from './logger.js';

const refused = () => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });

describe('Lifecycle', () => {
  let clock: ScriptedClock;
  let lifecycle: Lifecycle;
  let steps: string[];
  beforeEach(() => {
    clock = new ScriptedClock(0);
    lifecycle = new Lifecycle(createLogger('test', 'silent'), clock);
    steps = [];
  });

  function add(name: string, order: number, failures: Error[] = []): void {
    const start = async () => {
      const failure = failures.shift();
      steps.push(failure ? `${name} fails` : `${name} starts`);
      if (failure) throw failure;
    };
    lifecycle.add({ name, order, start, stop: async () => void steps.push(`${name} stops`) });
  }

  it('starts in order and drains in reverse', async () => {
    add('stages', 20);
    add('engine', 0);
    expect(lifecycle.problem).toBe('starting');
    await lifecycle.start();
    expect(lifecycle.problem).toBeUndefined();
    await lifecycle.stop();
    expect(lifecycle.problem).toBe('stopping');
    expect(steps).toEqual(['engine starts', 'stages starts', 'stages stops', 'engine stops']);
  });

  it('waits for an engine that is not there yet, and says what it waits for', async () => {
    add('engine', 0, [refused(), new Error('Failed query', { cause: refused() })]);
    add('stages', 20);
    const starting = lifecycle.start();
    await clock.advance(0);
    expect(lifecycle.problem).toBe('starting: engine waits: connect ECONNREFUSED 127.0.0.1:5432');
    await clock.advance(250);
    expect(steps).toEqual(['engine fails', 'engine fails']);
    await clock.advance(500);
    await starting;
    expect(steps.slice(2)).toEqual(['engine starts', 'stages starts']);
    expect(lifecycle.problem).toBeUndefined();
  });

  it('rests 5 s at most between attempts', async () => {
    add('engine', 0, Array.from({ length: 40 }, refused));
    const starting = lifecycle.start();
    for (let second = 0; second < 60; second += 1) await clock.advance(1_000);
    expect(steps.length).toBeGreaterThan(14);
    await lifecycle.stop();
    await starting;
  });

  it('drains and fails where a component cannot start at all', async () => {
    add('engine', 0);
    add('stages', 20, [new Error('the folder is in use')]);
    await expect(lifecycle.start()).rejects.toThrow('the folder is in use');
    expect(steps).toEqual(['engine starts', 'stages fails', 'engine stops']);
  });

  it('is stopped while it waits', async () => {
    add('engine', 0);
    add('directory', 10, [refused()]);
    add('stages', 20);
    const starting = lifecycle.start();
    await clock.advance(0);
    await lifecycle.stop();
    await starting;
    expect(steps).toEqual(['engine starts', 'directory fails', 'engine stops']);
    expect(lifecycle.problem).toBe('stopping');
  });
});
