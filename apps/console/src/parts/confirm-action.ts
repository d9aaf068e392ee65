import { ElMessageBox } from 'element-plus';
import { i18n } from '../app/language.js';

/** Asks before something that cannot be taken back. `title` names the act and its object; true where it is wanted. */
export async function confirmAction(title: string, text: string, verb: string): Promise<boolean> {
  const { t } = i18n.global;
  return ElMessageBox.confirm(text, title, {
    type: 'warning',
    confirmButtonText: verb,
    cancelButtonText: t('app.cancel'),
    confirmButtonClass: 'el-button--danger',
    closeOnClickModal: false,
  }).then(
    () => true,
    () => false,
  );
}
