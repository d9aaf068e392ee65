import { useI18n } from 'vue-i18n';

/** What domains of products are called; one that nobody translated is called what its products say. */
export function useDomainNames(): (domain: string) => string {
  const { t, te } = useI18n();
  return (domain) => (te(`app.domains.${domain}`) ? t(`app.domains.${domain}`) : domain);
}
