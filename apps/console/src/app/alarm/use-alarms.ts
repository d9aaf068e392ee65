import { computed, onScopeDispose, shallowRef, watch } from 'vue';
import { useI18n } from 'vue-i18n';
import type { AlertEvent } from '../../api/alert-event.js';
import { api, ask } from '../../api/client.js';
import { useProducts } from '../../api/product-list.js';
import { markTitle } from '../page-title.js';
import { type AlarmBook, emptyBook, isAlarm, raise, ringAgain, ringing, settle, silence } from './alarm-book.js';
import { startSound, stopSound } from './alarm-sound.js';
import { alertFeedState, onAlertEvents, startAlertFeed } from './alert-feed.js';
import { onDuty } from './duty-mode.js';

const blinkMs = 900;

/** The fire alarms that nobody has taken: shown, sounded on duty, and blinking in the title until silenced. */
export function useAlarms() {
  const book = shallowRef<AlarmBook>(emptyBook);
  const ring = computed(() => ringing(book.value));
  const { productById, ready } = useProducts();
  const { t } = useI18n();

  startAlertFeed();
  onAlertEvents((events) => {
    let now = book.value;
    for (const event of events) now = after(now, event);
    book.value = now;
  });
  // What was open before the stream began, and what may have happened while it was broken.
  watch(alertFeedState, (state) => state === 'open' && void catchUp().catch(() => undefined), { immediate: true });

  async function catchUp(): Promise<void> {
    const query = { status: ['open' as const], severity: ['critical' as const], limit: 200 };
    const [{ items }] = await Promise.all([ask(api.GET('/api/v1/alerts', { params: { query } })), ready()]);
    const open = new Set(items.map(({ id }) => id));
    let now = book.value;
    for (const { alertId } of now.alarms) if (!open.has(alertId)) now = settle(now, alertId);
    for (const { id, device, titles, severity, status, openedAt } of items) {
      const product = productById(device.product);
      if (!isAlarm({ severity, status, domain: product?.domain })) continue;
      now = raise(now, { alertId: id, title: titles, device: device.name || device.id, openedAt });
    }
    book.value = now;
  }

  let bright = false;
  const blink = setInterval(show, blinkMs);
  function show(): void {
    bright = !bright;
    const count = book.value.alarms.length;
    markTitle(count === 0 ? '' : ring.value.length > 0 && bright ? t('alarm.mark', { count }) : `(${count}) `);
  }
  watch([ring, onDuty], ([alarms, duty]) => (alarms.length > 0 && duty ? startSound() : stopSound()), {
    immediate: true,
  });
  watch(book, show);
  onScopeDispose(() => {
    clearInterval(blink);
    stopSound();
    markTitle('');
  });

  return {
    book,
    ring,
    silenceAll: () => {
      book.value = silence(book.value);
    },
  };
}

function after(book: AlarmBook, { kind, alert, device, domain, titles }: AlertEvent): AlarmBook {
  if (!isAlarm({ severity: alert.severity, status: alert.status, domain })) return settle(book, alert.id);
  const alarm = { alertId: alert.id, title: titles, device: device.name || device.id, openedAt: alert.openedAt };
  const raised = raise(book, alarm);
  return kind === 'escalated' ? ringAgain(raised, alert.id) : raised;
}
