import { invalid } from '#libs/runtime';
import { commonPasswordWords } from './common-passwords.js';

const shortest = 12;
/** argon2 takes any length; an attacker's megabyte it shall not. */
const longest = 128;

/** Throws 400 `password_weak` that says what to change. */
export function requireGoodPassword(password: string, login: string): void {
  const problem = passwordProblem(password, login);
  if (problem) throw invalid('password_weak', `password: ${problem}.`, { errors: [{ field: 'password', problem }] });
}

/** What is wrong with a password; undefined where nothing is. Length counts, character classes do not (NIST SP 800-63B). */
export function passwordProblem(password: string, login: string): string | undefined {
  const length = [...password].length;
  if (length < shortest) return `use at least ${shortest} characters`;
  if (length > longest) return `use at most ${longest} characters`;
  if (new Set(password).size < 5) return 'use more different characters';
  const folded = fold(password);
  if (login.length >= 3 && folded.includes(fold(login))) return 'do not use the login name in it';
  if (isRun(password.toLowerCase())) return 'do not use a run of neighbouring keys or characters';
  // A common word with digits or signs around it, or repeated, is still that word.
  const bare = folded.replaceAll(/[^a-z]/g, '');
  if (
    commonPasswordWords.has(bare) ||
    commonPasswordWords.has(halved(bare)) ||
    commonPasswordWords.has(password.toLowerCase())
  ) {
    return 'it is one of the common passwords; choose several unrelated words';
  }
  return undefined;
}

const substitutes: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/** Lower case, without the decoration at the ends, and with digits that stand for letters read as those. */
function fold(text: string): string {
  const trimmed = text.toLowerCase().replaceAll(/^[^a-z@$!]+|[^a-z@$]+$/g, '');
  return [...trimmed].map((character) => substitutes[character] ?? character).join('');
}

/** `abcabc` -> `abc` */
function halved(text: string): string {
  const half = text.slice(0, text.length / 2);
  return half + half === text ? half : text;
}

const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/',
];

/** True where two thirds of the password are steps of one of the runs, forwards or backwards. */
function isRun(text: string): boolean {
  return runs.some((run) => {
    const both = `${run} ${[...run].reverse().join('')}`;
    let steps = 0;
    for (let at = 0; at < text.length - 1; at++) if (both.includes(text.slice(at, at + 2))) steps++;
    return steps >= (text.length - 1) * (2 / 3);
  });
}
