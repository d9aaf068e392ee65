/**
 * Rows as CSV (RFC 4180) that spreadsheets open as it is: UTF-8 with its mark, and no cell is taken for a formula (OWASP
 * CSV injection). Numbers stay numbers, negative ones too.
 */
export function csvOf(rows: readonly (readonly (string | number | boolean | null)[])[]): string {
  return `\uFEFF${rows.map((row) => row.map(cellOf).join(',')).join('\r\n')}\r\n`;
}

function cellOf(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
