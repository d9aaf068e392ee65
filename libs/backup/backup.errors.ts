/** What a command of backup or restore refuses, with the fix in its message. Nothing was changed unless it says so. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly retryable = false;

  constructor(
    readonly code:
      | 'backup_not_found'
      | 'backup_damaged'
      | 'backup_format_unknown'
      | 'backup_usage'
      | 'backup_source_missing'
      | 'restore_target_not_empty'
      | 'restore_settings_differ'
      | 'restore_master_key',
    message: string,
  ) {
    super(message);
  }
}
