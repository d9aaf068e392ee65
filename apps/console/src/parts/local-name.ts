/** A name in the language that is shown. */
export function localName(name: { zh: string; en: string }, language: string): string {
  return language.startsWith('zh') ? name.zh : name.en;
}
