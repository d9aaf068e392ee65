const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;
const weeks = 7 * days;

/** ISO 8601 without years and months, whose length varies. */
const isoForm = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Milliseconds of `PT15M`, `P1D`, `P1W` or a whole number of seconds (`900`); undefined for anything else, and for none. */
export function durationMs(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) * seconds || undefined;
  const match = isoForm.exec(text);
  if (!match || text.length > 40) return undefined;
  const [, w = 0, d = 0, h = 0, m = 0, s = 0] = match;
  return (
    Number(w) * weeks + Number(d) * days + Number(h) * hours + Number(m) * minutes + Number(s) * seconds || undefined
  );
}
