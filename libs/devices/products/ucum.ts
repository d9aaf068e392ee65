/**
 * Checks the syntax of a unit in the Unified Code for Units of Measure, case-sensitive (ucum.org, grammar of clause 4):
 * terms of `.` and `/`, parentheses, exponents, metric prefixes, annotations in braces. Atoms are those that measure
 * something in a city.
 */
export function isUcumUnit(text: string): boolean {
  if (text.length === 0 || text.length > 64 || !/^[\x21-\x7e]+$/.test(text)) return false;
  const rest = term(text.startsWith('/') ? text.slice(1) : text, 0);
  return rest === '';
}

const deepest = 8;

/** Parses a term and answers what follows it; undefined where there is none. */
function term(text: string, depth: number): string | undefined {
  let rest = component(text, depth);
  while (rest !== undefined && (rest.startsWith('.') || rest.startsWith('/'))) rest = component(rest.slice(1), depth);
  return rest;
}

function component(text: string, depth: number): string | undefined {
  if (text.startsWith('(')) {
    const rest = depth < deepest ? term(text.slice(1), depth + 1) : undefined;
    return rest?.startsWith(')') ? rest.slice(1) : undefined;
  }
  const annotation = /^\{[^{}]*\}/.exec(text)?.[0];
  if (annotation) return text.slice(annotation.length);
  const number = /^\d+(?![\d*^])/.exec(text)?.[0];
  if (number) return text.slice(number.length);
  const symbol = /^(?:10[*^]|\[[^\][]+\][A-Za-z0-9_]*|%|'{1,2}|[A-Za-z]+(?:\[[^\][]+\])?(?:_[A-Za-z]+)?)/.exec(
    text,
  )?.[0];
  if (symbol === undefined || !isSymbol(symbol)) return undefined;
  const tail = /^[+-]?\d{0,2}(?:\{[^{}]*\})?/.exec(text.slice(symbol.length))?.[0] ?? '';
  return /^[+-](?!\d)/.test(tail) ? undefined : text.slice(symbol.length + tail.length);
}

function isSymbol(symbol: string): boolean {
  if (plainAtoms.has(symbol) || metricAtoms.has(symbol)) return true;
  return prefixes.some((prefix) => symbol.startsWith(prefix) && metricAtoms.has(symbol.slice(prefix.length)));
}

const prefixes = 'Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti'.split(' ');
const metricAtoms = new Set(
  'm s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv kat l L ar t bar u eV pc eq osm B Np B[V] B[mV] B[W] B[SPL] bit By Bd cal Ci R RAD REM G Mx Oe P St g% mho [iU] [IU] m[H2O] m[Hg] kn'.split(
    ' ',
  ),
);
const plainAtoms = new Set(
  "% [ppth] [ppm] [ppb] [pptr] [pi] 10* 10^ min h d wk mo a mo_j a_j deg ' '' gon circ [degF] [degR] [pH] [psi] [in_i] [ft_i] [yd_i] [mi_i] [kn_i] [nmi_i] [gal_us] [lb_av] [Btu] [HP] atm att [g] cph [cfm_i] [NTU] [FNU]".split(
    ' ',
  ),
);
