import { useI18n } from 'vue-i18n';
import { useAreas } from '../api/area-list.js';
import { nameIn } from '../api/names.js';

/** What districts are called by their code; one that the platform has no name for is called its code. */
export function useAreaNames(): (code: string) => string {
  const { locale } = useI18n();
  const areas = useAreas();
  return (code) => {
    const known = areas.value.find((area) => area.code === code);
    return known ? nameIn(locale.value, known.name) : code;
  };
}
