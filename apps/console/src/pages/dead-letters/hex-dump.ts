/** One line of a hex dump: where it begins, its bytes, and what of them is printable ASCII. */
export interface HexLine {
  offset: string;
  hex: string;
  text: string;
}

const bytesPerLine = 16;
/** A person reads no more; the rest is in the download. */
const mostLines = 256;

/** Bytes in hexadecimal digits, as lines of sixteen; at most 4 KiB of them. */
export function hexDump(hex: string): HexLine[] {
  const bytes = hex.match(/../g) ?? [];
  const lines = Math.min(Math.ceil(bytes.length / bytesPerLine), mostLines);
  return Array.from({ length: lines }, (_line, index) => {
    const at = index * bytesPerLine;
    const some = bytes.slice(at, at + bytesPerLine);
    return {
      offset: at.toString(16).padStart(8, '0'),
      hex: `${some.slice(0, 8).join(' ')}  ${some.slice(8).join(' ')}`.trim(),
      text: some.map(printable).join(''),
    };
  });
}

function printable(byte: string): string {
  const code = Number.parseInt(byte, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.';
}
