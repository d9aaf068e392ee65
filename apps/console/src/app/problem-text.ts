import { ElMessage } from 'element-plus';
import { asProblem } from '../api/problem.js';
import { i18n } from './language.js';

/** What a failure means for the user, in their language where the code is a known one. */
export function problemText(error: unknown): string {
  const { code, detail, fields } = asProblem(error);
  const { t, te } = i18n.global;
  const known = te(`problems.${code}`) ? t(`problems.${code}`) : detail || code;
  if (fields.length === 0) return known;
  return `${known} ${fields.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join('; ')}`;
}

/** Tells of a failure that has no place of its own on the page. */
export function tellProblem(error: unknown): void {
  ElMessage({ type: 'error', message: problemText(error), duration: 6_000, showClose: true, grouping: true });
}

/** Tells that something was done. */
export function tellDone(message: string): void {
  ElMessage({ type: 'success', message, duration: 2_500, grouping: true });
}
