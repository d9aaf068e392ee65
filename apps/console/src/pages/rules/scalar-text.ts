/** A value that a rule compares with. */
export type Scalar = number | boolean | string;

/** What somebody wrote, as the value it means: `true` and `false`, a number, else a text; in double quotes always a text. */
export function scalarOf(text: string): Scalar {
  const trimmed = text.trim();
  if (trimmed === 'true') return true;
  if (trimmed === 'false') return false;
  if (/^".*"$/s.test(trimmed)) return trimmed.slice(1, -1);
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** The shortest text that means the value. */
export function textOf(value: Scalar): string {
  return typeof value === 'string' && scalarOf(value) !== value ? `"${value}"` : String(value);
}
