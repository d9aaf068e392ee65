import 'reflect-metadata';
import { runBackupCommand } from '#libs/backup';
import { BackupApp } from './backup.app.js';

await runBackupCommand({
  environment: process.env,
  arguments: process.argv.slice(3),
  open: () => BackupApp.open(process.env),
});
