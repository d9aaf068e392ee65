export { BackupModule } from './backup.module.js';
export { runBackupCommand, runRestoreCommand } from './commands.js';
