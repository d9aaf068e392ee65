export { AlertsApiModule, AlertsStageModule } from './alerts.module.js';
