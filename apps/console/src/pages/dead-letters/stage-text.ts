import { i18n } from '../../app/language.js';

/** What people call a stage; one that this console does not know yet goes by its own name. */
export function stageText(stage: string): string {
  const { t, te } = i18n.global;
  return te(`dead-letters.stages.${stage}`) ? t(`dead-letters.stages.${stage}`) : stage;
}
