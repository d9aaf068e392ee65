import type { Reading, ReadingValue } from '#libs/contracts';
import type { Condition, Operator, Scalar } from '../rule-definition.js';

/** What a reading says about a condition: it holds, it has ended, or neither (between value and clear). */
export type Judgement = 'holds' | 'ended' | 'neither';

/** Judges one value. A value of another type than the condition compares with says nothing. */
export function judgeCondition(condition: Condition, value: ReadingValue): Judgement {
  const { operator, value: limit, clear } = condition;
  if (operator === '==' || operator === '!=') {
    if (typeof value === 'object') return 'neither';
    if (includes(limit, value) === (operator === '==')) return 'holds';
    return clear === undefined || includes(clear, value) ? 'ended' : 'neither';
  }
  if (typeof value !== 'number' || typeof limit !== 'number') return 'neither';
  if (compare(operator, value, limit)) return 'holds';
  if (typeof clear !== 'number') return 'ended';
  return (operator === '>' || operator === '>=' ? value <= clear : value >= clear) ? 'ended' : 'neither';
}

/** Compares two numbers. */
export function compare(operator: Operator, left: number, right: number): boolean {
  switch (operator) {
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '==':
      return left === right;
    case '!=':
      return left !== right;
  }
}

/** True where a reading of the report meets one of the conditions. */
export function anyHolds(conditions: readonly Condition[], report: readonly Reading[]): boolean {
  return conditions.some((condition) =>
    report.some(
      (reading) => reading.metric === condition.metric && judgeCondition(condition, reading.value) === 'holds',
    ),
  );
}

function includes(limit: Scalar | readonly Scalar[], value: Scalar): boolean {
  return Array.isArray(limit) ? limit.includes(value) : limit === value;
}
