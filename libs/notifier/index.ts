export { NotifierApiModule, NotifierStageModule } from './notifier.module.js';
