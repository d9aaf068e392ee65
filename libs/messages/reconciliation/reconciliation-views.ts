import type { CountsView, PlaceCountsView, SentenceView } from './reconciliation.dto.js';
import { deadLetteredOf, differenceOf, inFlightOf, type Reconciled, type ReconciledPlace } from './reconciliation.js';

/** Counts as REST shows them. */
export function countsView(counts: Reconciled): CountsView {
  return {
    acknowledged: counts.acknowledged,
    stored: counts.stored,
    deadLettered: deadLetteredOf(counts),
    inFlight: inFlightOf(counts),
    difference: differenceOf(counts),
    deadLetteredBy: counts.deadLettered,
    inFlightIn: counts.inFlight,
    missingFrom: counts.missing,
    surplus: counts.surplus,
  };
}

/** A place as REST shows it. */
export function placeView(place: ReconciledPlace): PlaceCountsView {
  return { lane: place.lane, partition: place.partition, ...countsView(place) };
}

/** The whole in a sentence, and where to look where it does not add up. */
export function summaryOf(counts: Reconciled): SentenceView {
  const { acknowledged, missing, surplus } = counts;
  if (differenceOf(counts) === 0) {
    return {
      zh: `已确认的 ${acknowledged} 条消息全部有着落：已入库 ${counts.stored}，死信 ${deadLetteredOf(counts)}，处理中 ${inFlightOf(counts)}。`,
      en: `All ${acknowledged} acknowledged messages are accounted for: ${counts.stored} stored, ${deadLetteredOf(counts)} dead-lettered, ${inFlightOf(counts)} in flight.`,
    };
  }
  const zh: string[] = [];
  const en: string[] = [];
  if (missing.raw > 0) {
    zh.push(`${missing.raw} 条在解析之前丢失（raw 流中的条目不见了）`);
    en.push(`${missing.raw} vanished before they were normalised (entries of the stream raw are gone)`);
  }
  if (missing.readings > 0) {
    zh.push(`${missing.readings} 条解析后未入库（遥测库被清空或恢复到旧备份，而流中已无原始条目）`);
    en.push(
      `${missing.readings} were normalised and are not in the telemetry store (it was emptied or restored from an older backup, and the stream no longer keeps them)`,
    );
  }
  if (surplus > 0) {
    zh.push(`${surplus} 条多出（遥测库与流不属于同一平台）`);
    en.push(`${surplus} are there too often (the telemetry store and the stream do not belong together)`);
  }
  return {
    zh: `已确认 ${acknowledged} 条消息，账目不平：${zh.join('；')}。用 ?places=different 查看所在分区。`,
    en: `Of ${acknowledged} acknowledged messages: ${en.join('; ')}. Ask with ?places=different for where.`,
  };
}
