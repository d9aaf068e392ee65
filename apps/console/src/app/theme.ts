import { computed, ref } from 'vue';

export type Theme = 'auto' | 'light' | 'dark';
const storageKey = 'citysense.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = ref(system.matches);

/** What the user wants; `auto` follows the system. */
export const theme = ref<Theme>('auto');
/** What is shown now; charts and maps draw by it. */
export const isDark = computed(() => (theme.value === 'auto' ? systemIsDark.value : theme.value === 'dark'));

export function startTheme(): void {
  const kept = localStorage.getItem(storageKey);
  if (kept === 'light' || kept === 'dark') theme.value = kept;
  system.addEventListener('change', (event) => {
    systemIsDark.value = event.matches;
    show();
  });
  show();
}

export function switchTheme(wanted: Theme): void {
  theme.value = wanted;
  localStorage.setItem(storageKey, wanted);
  show();
}

function show(): void {
  document.documentElement.classList.toggle('dark', isDark.value);
}
