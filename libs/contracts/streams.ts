/** The streams of the flow, in its order. A stage reads one, makes its effect durable, then acknowledges. */
export const streams = {
  raw: 'raw',
  readings: 'readings',
  /** Readings re-keyed by the group (a building) that a rule joins. */
  groupReadings: 'group-readings',
  transitions: 'transitions',
  notifications: 'notifications',
  /** To devices: the one stream that runs the other way. Gateways follow its tail. */
  commands: 'commands',
  /** What became of commands. */
  commandOutcomes: 'command-outcomes',
  deadLetters: 'dead-letters',
} as const;
