import element from 'element-plus/es/locale/lang/zh-cn';
import { sectionsOf } from './sections.js';

export const messages = sectionsOf(import.meta.glob('./zh-CN/*.json', { eager: true, import: 'default' }));
export { element };
