import type { FieldProblem } from '../../parts/field-problem.js';

export const encodings = ['hex', 'base64', 'text'] as const;
export const frameKinds = ['up', 'telemetry', 'event'] as const;

/** A frame to try on a product while it is written. */
export interface DecodeForm {
  encoding: (typeof encodings)[number];
  payload: string;
  kind: (typeof frameKinds)[number];
  port: number | null;
  event: string;
}

export interface DecodeDocument {
  hex?: string;
  base64?: string;
  text?: string;
  kind: (typeof frameKinds)[number];
  port?: number;
  event?: string;
  version?: number;
}

/** Both may be pasted as tools print them: with spaces and line ends, hexadecimal also with colons, commas or 0x. */
export function bytesText({ encoding, payload }: Pick<DecodeForm, 'encoding' | 'payload'>): string {
  if (encoding === 'text') return payload;
  const bare = payload.replaceAll(/\s+/g, '');
  return encoding === 'base64' ? bare : bare.replaceAll(/0x|[,:;-]/gi, '');
}

export function decodeProblems(form: DecodeForm): FieldProblem[] {
  const bytes = bytesText(form);
  return [...payloadProblems(form.encoding, bytes), ...eventProblems(form)];
}

export function decodeDocumentOf(form: DecodeForm, version: number | undefined): DecodeDocument {
  return {
    [form.encoding]: bytesText(form),
    kind: form.kind,
    ...(form.port === null ? {} : { port: form.port }),
    ...(form.kind === 'event' ? { event: form.event } : {}),
    ...(version === undefined ? {} : { version }),
  };
}

function payloadProblems(encoding: DecodeForm['encoding'], bytes: string): FieldProblem[] {
  const field = 'payload';
  if (bytes === '') return [{ field, message: 'required' }];
  if (encoding === 'hex' && !/^(?:[0-9a-fA-F]{2})+$/.test(bytes)) return [{ field, message: 'notHex' }];
  const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return encoding === 'base64' && !base64.test(bytes) ? [{ field, message: 'notBase64' }] : [];
}

function eventProblems({ kind, event }: DecodeForm): FieldProblem[] {
  if (kind !== 'event') return [];
  if (event === '') return [{ field: 'event', message: 'required' }];
  return /^[A-Za-z0-9._-]{1,64}$/.test(event) ? [] : [{ field: 'event', message: 'pattern' }];
}
