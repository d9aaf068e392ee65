/** One file is one section: `./en/alerts.json` holds `alerts.*`. */
export function sectionsOf(files: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(files).map(([path, section]) => [path.replace(/^.*\/|\.json$/g, ''), section]),
  );
}
