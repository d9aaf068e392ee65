/** How bad an alert is, worst first. */
export const severities = ['critical', 'major', 'minor', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

/** Domains that have a name in every language; products may be of others. */
export const namedDomains = ['water', 'parking', 'fire'] as const;
