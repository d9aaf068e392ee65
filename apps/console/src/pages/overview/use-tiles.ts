import { type ComputedRef, computed, type Ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { useCountText } from '../../app/formats.js';
import { spanText } from '../../app/times.js';
import { type Figures, percentOf, sumOf } from './figures.js';
import type { Overview } from './use-overview.js';

/** What a tile shows. */
export interface Tile {
  name: string;
  title: string;
  value: string;
  note: string;
  figures: Figures | null;
  bad: boolean;
}

/** A lag that people should look into. */
const badLagSeconds = 30;
const unknown = '—';

/** The numbers of the overview; what the role may not read is left out. */
export function useTiles(view: Ref<Overview | undefined>): ComputedRef<Tile[]> {
  const { t, locale } = useI18n();
  const n = useCountText();
  return computed(() => {
    if (!view.value) return [];
    const { devices, alerts, flow, trend } = view.value;
    const tile = (name: string, value: string, note: string, figures: Figures | null, bad = false): Tile => ({
      name,
      title: t(`overview.tiles.${name}`),
      value,
      note,
      figures,
      bad,
    });
    const tiles = [
      tile(
        'online',
        n(devices.online),
        t('overview.ofTotal', { total: n(devices.total), percent: n(percentOf(devices.online, devices.total)) }),
        trend.devicesOnline,
      ),
    ];
    if (alerts) {
      const note = t('overview.unacknowledged', { count: n(alerts.unacknowledged.total) });
      tiles.push(tile('alerts', n(alerts.open.total), note, trend.openAlerts, alerts.unacknowledged.critical > 0));
    }
    const rate = flow.messagesPerSecond;
    const rateText = rate === null ? unknown : n(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate));
    tiles.push(tile('messages', rateText, t('overview.perSecond'), trend.messagesPerSecond));
    if (flow.discards !== null && trend.discards) {
      const lastHour = sumOf(trend.discards);
      const note = t('overview.everDiscarded', { count: n(flow.discards) });
      tiles.push(tile('discards', n(lastHour), note, trend.discards));
    }
    const lag = flow.lagSeconds;
    const lagText = lag === null ? unknown : spanText(lag * 1_000, locale.value);
    tiles.push(tile('lag', lagText, t('overview.lagNote'), trend.lagSeconds, (lag ?? 0) > badLagSeconds));
    return tiles;
  });
}
