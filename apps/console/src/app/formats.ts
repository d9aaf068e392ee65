import { useI18n } from 'vue-i18n';

/** A formatter costs a hundred times more to make than to use: each is made once, by language and options. */
function kept<O, F>(make: (language: string, options: O | undefined) => F): (language: string, options?: O) => F {
  const made = new Map<string, F>();
  return (language, options) => {
    const key = `${language} ${JSON.stringify(options)}`;
    const known = made.get(key) ?? make(language, options);
    made.set(key, known);
    return known;
  };
}

export const numberFormat = kept(
  (language, options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(language, options),
);
export const timeFormat = kept(
  (language, options?: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, options),
);
export const relativeFormat = kept(
  (language, options?: Intl.RelativeTimeFormatOptions) => new Intl.RelativeTimeFormat(language, options),
);

/** Writes counts in the language that is shown: 12,345. */
export function useCountText(): (count: number) => string {
  const { locale } = useI18n();
  return (count) => numberFormat(locale.value).format(count);
}
