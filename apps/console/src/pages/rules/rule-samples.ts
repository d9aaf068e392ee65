/** What every sample has beside its definition. */
export const head = {
  slug: 'low-pressure',
  title: { zh: '低压', en: 'Low pressure' },
  severity: 'major',
  enabled: true,
} as const;

/** One definition of each kind that uses everything it may. */
export const definitions: Record<string, object> = {
  threshold: {
    kind: 'threshold',
    conditions: [
      { metric: 'pressure', operator: '<', value: 140, clear: 160 },
      { metric: 'alarmPhase', operator: '==', value: 'alarm', clear: ['normal', 'restored'] },
      { metric: 'mode', operator: '!=', value: [true, 3, '3'] },
    ],
    match: 'all',
    forMs: 300_000,
    forSetting: { name: 'overstayMinutes', unitMs: 60_000 },
    maxGapMs: 7_200_000,
    holdWhile: [{ metric: 'test', operator: '==', value: true }],
    latenessMs: 60_000,
    cooldownMs: 90_000,
    repeatMs: 86_400_000,
  },
  change: { kind: 'change', metric: 'valve', from: ['open'], to: ['closed', 2], clearAfterMs: 3_600_000 },
  event: {
    kind: 'event',
    events: ['fault', '7'],
    clearEvents: ['restored'],
    clearAfterMs: 1_000,
    unless: [{ metric: 'fault', operator: '==', value: true }],
  },
  delta: {
    kind: 'delta',
    metric: 'metering.water.total',
    tolerance: 0,
    maxRatePerHour: 10_000,
    rolloverAt: [1e6, 1e10],
    identityMetric: 'meterNumber',
  },
  window: {
    kind: 'window',
    metric: 'metering.water.total',
    aggregate: 'mean',
    slotMs: 1_800_000,
    slots: 2,
    test: 'total',
    operator: '<=',
    value: -7.5,
    maxGapMs: 100,
    baseline: { factor: 5, minimumSlots: 48, memorySlots: 336 },
  },
  absence: { kind: 'absence', intervals: 2.5, minimumMs: 60_000 },
  group: {
    kind: 'group',
    conditions: [{ metric: 'fire', operator: '==', value: true }],
    minimum: 2,
    windowMs: 600_000,
    holdWhile: [{ metric: 'test', operator: '==', value: true }],
  },
};

/** A scope that uses everything it may. */
export const scope = {
  productIds: ['water-meter'],
  domains: ['water'],
  deviceIds: ['meter-1'],
  tags: { street: '1' },
  settings: { fireLane: true, name: '7' },
};
