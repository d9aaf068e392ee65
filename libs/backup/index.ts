export { BackupModule } from './backup.module.js';
export { type CommandApp, runBackupCommand, runRestoreCommand } from './commands.js';
