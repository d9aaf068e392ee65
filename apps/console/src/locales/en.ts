import element from 'element-plus/es/locale/lang/en';
import { sectionsOf } from './sections.js';

export const messages = sectionsOf(import.meta.glob('./en/*.json', { eager: true, import: 'default' }));
export { element };
