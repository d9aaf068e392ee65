/** More than this is cut in the dump: who needs it all copies the base64. */
const maxBytes = 4_096;

/** Bytes as people read them: offset, sixteen in hexadecimal, and what of them is ASCII. */
export function hexDump(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const lines: string[] = [];
  for (let offset = 0; offset < Math.min(bytes.length, maxBytes); offset += 16) {
    const row = [...bytes.subarray(offset, offset + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (bytes.length > maxBytes) lines.push(`… ${bytes.length - maxBytes} B`);
  return lines.join('\n');
}
