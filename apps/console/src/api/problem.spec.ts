import { describe, expect, it } from '@jest/globals';
import { ApiProblem, asProblem, problemOf } from './problem.js';

describe('problemOf', () => {
  it.each([
    [
      'a problem document',
      404,
      { code: 'device_not_found', detail: 'No device "a".' },
      'device_not_found',
      'No device "a".',
    ],
    ['one with a title alone', 409, { title: 'conflict' }, 'http_409', 'conflict'],
    ['a page of a proxy', 502, '<html>', 'http_502', ''],
    ['nothing', 500, undefined, 'http_500', ''],
    ['null', 500, null, 'http_500', ''],
    ['a list', 500, [1], 'http_500', ''],
  ])('reads %s', (_name, status, body, code, detail) => {
    expect(problemOf(status, body)).toMatchObject({ status, code, detail, fields: [] });
  });

  it('keeps the fields that are wrong, and nothing that is no field', () => {
    const errors = [{ field: 'name', problem: 'is missing' }, null, { field: 1 }, 'x'];
    expect(problemOf(400, { code: 'validation_failed', errors }).fields).toEqual([
      { field: 'name', problem: 'is missing' },
    ]);
  });
});

describe('asProblem', () => {
  it.each([
    ['no connection', new TypeError('Failed to fetch'), 'network', true],
    ['an answer too late', new DOMException('late', 'TimeoutError'), 'timeout', true],
    ['a problem', new ApiProblem(503, 'engine_unavailable', ''), 'engine_unavailable', true],
    ['a refusal', new ApiProblem(409, 'conflict', ''), 'conflict', false],
    ['too many requests', new ApiProblem(429, 'too_many_requests', ''), 'too_many_requests', true],
  ])('tells %s', (_name, error, code, retryable) => {
    expect(asProblem(error)).toMatchObject({ code, retryable });
  });
});
