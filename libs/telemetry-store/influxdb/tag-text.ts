/** What would need escaping in line protocol or InfluxQL, or could not be read back: `%`, separators, quotes, controls. */
const special = /[%,=\\'"\s\p{Cc}]/gu;
const written = /%([0-9a-f]*);/g;

/**
 * Text as a tag value, without anything that line protocol or InfluxQL gives a meaning to; two texts never become one.
 * InfluxDB's own escapes cannot be undone (a newline and `\n` are one), and a tag may not be empty.
 */
export function tagText(text: string): string {
  if (text === '') return '%;';
  return text.replace(special, (character) => `%${character.codePointAt(0)?.toString(16)};`);
}

/** The text of a tag value. */
export function textOfTag(tag: string): string {
  if (!tag.includes('%')) return tag;
  return tag.replace(written, (_all, code: string) =>
    code === '' ? '' : String.fromCodePoint(Number.parseInt(code, 16)),
  );
}

/** A string field of line protocol, with its quotes. Newlines may stand in it as they are. */
export function fieldText(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
