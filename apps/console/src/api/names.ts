/** A name that the platform gives in both languages. */
export interface LocalName {
  zh: string;
  en: string;
}

/** The name in the language that is shown. */
export function nameIn(language: string, name: LocalName): string {
  return language.startsWith('zh') ? name.zh : name.en;
}
