/** A figure of the minutes before now; null where nothing is known. */
export type Figures = readonly (number | null)[];

/** The line of a sparkline in a box of `width` by `height`: a path with a gap wherever nothing is known; '' for no figure. */
export function sparkPath(figures: Figures, width: number, height: number): string {
  const known = figures.filter((figure) => figure !== null);
  if (known.length === 0) return '';
  const [least, most] = [Math.min(0, ...known), Math.max(...known)];
  const span = most - least || 1;
  const step = width / Math.max(1, figures.length - 1);
  let path = '';
  let isDrawing = false;
  for (const [index, figure] of figures.entries()) {
    if (figure === null) {
      isDrawing = false;
      continue;
    }
    const x = (index * step).toFixed(1);
    const y = (height - ((figure - least) / span) * height).toFixed(1);
    // A figure alone is a dot: a line of no length with round ends.
    const isAlone = !isDrawing && figures[index + 1] == null;
    path += `${isDrawing ? 'L' : 'M'}${x} ${y}${isAlone ? `L${x} ${y}` : ''}`;
    isDrawing = true;
  }
  return path;
}

/** How the latest figure stands to the mean of those before it: 0.1 is a tenth more. Undefined where too little is known. */
export function changeOf(figures: Figures, leastKnown = 5): number | undefined {
  const known = figures.filter((figure) => figure !== null);
  const latest = known.pop();
  if (latest === undefined || known.length < leastKnown) return undefined;
  const mean = known.reduce((sum, figure) => sum + figure, 0) / known.length;
  return mean === 0 ? undefined : latest / mean - 1;
}

/** The sum of what is known. */
export function sumOf(figures: Figures): number {
  return figures.reduce((sum: number, figure) => sum + (figure ?? 0), 0);
}

/** A share of a whole for a bar, in percent; 0 of nothing. */
export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1_000) / 10;
}
