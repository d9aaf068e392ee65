import { z } from 'zod';
import { type ConfigOf, defineConfig } from '../config.js';

const wanted =
  'set it to an http or https URL, of a MapLibre style or of tiles with {z}, {x} and {y}, that needs no login and names no other origin';

export const consoleConfig = defineConfig<{ mapUrl: string | undefined }>('console', {
  mapUrl: {
    env: 'CONSOLE_MAP_URL',
    doc: 'Background of the console\'s map: a MapLibre style, or tiles such as "https://tiles.example/{z}/{x}/{y}.png". Browsers may ask its origin and no other; default none, and nothing leaves the platform.',
    schema: z.string().refine(isMapUrl, wanted).optional(),
  },
});
export type ConsoleConfig = ConfigOf<typeof consoleConfig>;

function isMapUrl(text: string): boolean {
  // A host with a placeholder would name many origins.
  const plain = text.replaceAll(/[{}]/g, '');
  if (!URL.canParse(plain)) return false;
  const { protocol, username, password, host } = new URL(plain);
  const named = /^https?:$/.test(protocol) && username === '' && password === '';
  return named && text.toLowerCase().includes(`//${host}`) && !/[\s;,]/.test(text);
}
