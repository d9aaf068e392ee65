import type { Language as ElementLocale } from 'element-plus/es/locale';
import { shallowRef } from 'vue';
import { createI18n } from 'vue-i18n';

/** The languages of the console, each in its own name. */
export const languages = { 'zh-CN': '中文', en: 'English' } as const;
export type LanguageCode = keyof typeof languages;

/** Sections of texts, and sections in them. */
type Messages = { [key: string]: string | Messages };

const storageKey = 'citysense.language';
const loaders: Record<LanguageCode, () => Promise<{ messages: Record<string, unknown>; element: ElementLocale }>> = {
  'zh-CN': () => import('../locales/zh-CN.js'),
  en: () => import('../locales/en.js'),
};

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  missingWarn: false,
  fallbackWarn: false,
  messages: {},
});
/** The texts inside Element Plus's own components. */
export const elementLocale = shallowRef<ElementLocale | undefined>();

/** The language now, of numbers and times too. */
export function languageNow(): LanguageCode {
  return i18n.global.locale.value as LanguageCode;
}

/** Loads the language chosen last, else the browser's, else Chinese. */
export function startLanguage(): Promise<void> {
  return switchLanguage(chosen());
}

export async function switchLanguage(code: LanguageCode): Promise<void> {
  const { messages, element } = await loaders[code]();
  i18n.global.setLocaleMessage(code, messages as Messages);
  elementLocale.value = element;
  i18n.global.locale.value = code as never;
  document.documentElement.lang = code;
  localStorage.setItem(storageKey, code);
}

function chosen(): LanguageCode {
  const kept = localStorage.getItem(storageKey);
  if (kept !== null && kept in languages) return kept as LanguageCode;
  return navigator.languages.some((language) => language.startsWith('zh')) || !navigator.language.startsWith('en')
    ? 'zh-CN'
    : 'en';
}
