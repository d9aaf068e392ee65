import { watch } from 'vue';
import { i18n } from './language.js';

let shown: string | undefined;
let mark = '';

/** Names the window after a page, by its messages' section. */
export function titlePage(name: string | undefined): void {
  shown = name;
  write();
}

/** Puts something in front of every title, such as the count of alarms; empty takes it away. */
export function markTitle(text: string): void {
  mark = text;
  write();
}

watch(i18n.global.locale, write);

function write(): void {
  const { t, te } = i18n.global;
  const own = shown && te(`${shown}.title`) ? `${t(`${shown}.title`)} · ` : '';
  document.title = `${mark}${own}CitySense 感知中台`;
}
