/** What the platform asks of a password (libs/access); it also refuses common ones. */
export const minPasswordLength = 12;
export const maxPasswordLength = 128;

/** What is wrong with a new password, as a key of the messages; undefined where the platform is to decide. */
export function passwordFault(current: string, wanted: string, again: string): string | undefined {
  if (current === '') return 'currentMissing';
  if (wanted.length < minPasswordLength) return 'tooShort';
  if (wanted.length > maxPasswordLength) return 'tooLong';
  if (wanted === current) return 'unchanged';
  if (wanted !== again) return 'different';
  return undefined;
}
