export * from './dead-letters.config.js';
export { DeadLettersApiModule, DeadLettersStageModule } from './dead-letters.module.js';
