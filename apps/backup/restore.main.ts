import 'reflect-metadata';
import { runRestoreCommand } from '#libs/backup';
import { BackupApp } from './backup.app.js';

await runRestoreCommand({
  environment: process.env,
  arguments: process.argv.slice(3),
  open: () => BackupApp.open(process.env),
});
