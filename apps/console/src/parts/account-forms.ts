import { type FieldProblem, patternProblems, textProblems } from './field-problem.js';

export const roles = [
  'system_administrator',
  'security_administrator',
  'auditor',
  'operator',
  'vendor',
  'consumer',
] as const;
export type Role = (typeof roles)[number];

/** An account of a person while it is written. */
export interface UserForm {
  login: string;
  name: string;
  roles: Role[];
  allTenants: boolean;
  /** '' for one's own. */
  tenantId: string;
}

/** What the API would refuse of an account. One that exists keeps its login. */
export function userProblems(form: UserForm, isNew: boolean): FieldProblem[] {
  return [
    ...(isNew ? patternProblems('login', form.login, /^[A-Za-z0-9._@-]{2,100}$/) : []),
    ...textProblems('name', form.name, 100),
    ...roleProblems(form.roles),
  ];
}

/** An auditor holds no other role: nobody audits what they did themselves. */
function roleProblems(chosen: readonly Role[]): FieldProblem[] {
  return chosen.includes('auditor') && chosen.length > 1 ? [{ field: 'roles', message: 'auditorAlone' }] : [];
}

/** A key for a program while it is written. */
export interface KeyForm {
  name: string;
  roles: Role[];
  allTenants: boolean;
  expiresAt: Date | null;
}

/** What the API would refuse of a key at this moment. */
export function keyProblems(form: KeyForm, now: Date): FieldProblem[] {
  return [
    ...textProblems('name', form.name, 100),
    ...(form.roles.length === 0 ? [{ field: 'roles', message: 'required' as const }] : []),
    ...roleProblems(form.roles),
    ...(form.expiresAt !== null && form.expiresAt <= now ? [{ field: 'expiresAt', message: 'notAfter' as const }] : []),
  ];
}

/** An organisation that owns devices, while it is written. */
export interface TenantForm {
  code: string;
  name: string;
}

/** What the API would refuse of a tenant. One that exists keeps its code. */
export function tenantProblems({ code, name }: TenantForm, isNew: boolean): FieldProblem[] {
  return [
    ...(isNew ? patternProblems('code', code, /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/) : []),
    ...textProblems('name', name, 100),
  ];
}
