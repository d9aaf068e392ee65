/** How bad an alert is, worst first. */
export const severities = ['critical', 'major', 'minor', 'warning', 'info'] as const;
