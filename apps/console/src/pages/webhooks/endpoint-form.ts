import { type FieldProblem, textProblems } from '../../parts/field-problem.js';

/** What an endpoint can be told of, the news of endpoints themselves last. */
export const alertEventTypes = ['raised', 'escalated', 'acknowledged', 'assigned', 'commented', 'cleared'].map(
  (kind) => `cn.citysense.alert.${kind}`,
);
export const endpointEventTypes = ['failing', 'recovered', 'disabled', 'delivery_dead'].map(
  (kind) => `cn.citysense.endpoint.${kind}`,
);

/** An endpoint while it is written; empty lists let everything through. */
export interface EndpointForm {
  name: string;
  url: string;
  eventTypes: string[];
  severities: string[];
  domains: string[];
  validationHandshake: boolean;
}

export const emptyEndpoint = (): EndpointForm => ({
  name: '',
  url: '',
  eventTypes: [],
  severities: [],
  domains: [],
  validationHandshake: false,
});

/** What the API would refuse of an endpoint; which addresses may be reached, only the API knows. */
export function endpointProblems(form: EndpointForm): FieldProblem[] {
  return [
    ...textProblems('name', form.name, 100),
    ...urlProblems(form.url.trim()),
    ...(form.domains.length > 50 ? [{ field: 'domains', message: 'tooMany' as const, values: { most: 50 } }] : []),
    ...form.domains.flatMap((domain) => textProblems('domains', domain, 64)),
  ];
}

function urlProblems(url: string): FieldProblem[] {
  const problems = textProblems('url', url, 2_048);
  if (problems.length > 0) return problems;
  if (!URL.canParse(url)) return [{ field: 'url', message: 'notUrl' }];
  const { protocol, username, password } = new URL(url);
  const sound = /^https?:$/.test(protocol) && username === '' && password === '';
  return sound ? [] : [{ field: 'url', message: 'notUrl' }];
}

/** A private network and port that a tenant's webhooks may reach, while it is written. */
export interface TargetForm {
  cidr: string;
  port: number | null;
  note: string;
}

/** What the API would refuse of a target; which networks are never allowed, only the API knows. */
export function targetProblems({ cidr, port, note }: TargetForm): FieldProblem[] {
  return [
    ...cidrProblems(cidr.trim()),
    ...(port === null ? [{ field: 'port', message: 'required' as const }] : []),
    ...(port !== null && (port < 1 || port > 65_535 || !Number.isInteger(port))
      ? [{ field: 'port', message: 'tooLarge' as const, values: { most: 65_535 } }]
      : []),
    ...(note.length > 200 ? [{ field: 'note', message: 'tooLong' as const, values: { most: 200 } }] : []),
  ];
}

function cidrProblems(cidr: string): FieldProblem[] {
  const field = 'cidr';
  if (cidr === '') return [{ field, message: 'required' }];
  const [address = '', prefix = ''] = cidr.split('/');
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  const v4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(address) && bits <= 32;
  const v6 = /^[0-9a-fA-F:]+$/.test(address) && address.includes(':') && bits <= 128;
  return (v4 || v6) && bits >= 8 ? [] : [{ field, message: 'notNetwork' }];
}
