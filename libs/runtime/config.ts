import type { Provider } from '@nestjs/common';
import { type ZodType, z } from 'zod';

/** Injection token of the environment variables; only this file looks into them. */
export const ENVIRONMENT = Symbol('environment');
export type Environment = Readonly<Record<string, string | undefined>>;

/** One setting: the variable's name, what it may be (with its default), and what it does in one line. */
export interface Setting<T> {
  env: string;
  schema: ZodType<T>;
  doc: string;
  /** Printed as `***`. */
  secret?: boolean;
  /** The value that means an engine inside this process; only all-in-one may have it. */
  embedded?: T;
}

/** The settings of one module; `KEY` is the injection token of their values. */
export interface ConfigDefinition<T> {
  readonly name: string;
  readonly KEY: symbol;
  readonly settings: { [K in keyof T]: Setting<T[K]> };
}
export type ConfigOf<D> = D extends ConfigDefinition<infer T> ? Readonly<T> : never;

/** A setting that cannot be used. The message names each variable, what is wrong and the fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const definitions: ConfigDefinition<Record<string, unknown>>[] = [];

/** Declares the settings of a module. */
export function defineConfig<T extends Record<string, unknown>>(
  name: string,
  settings: { [K in keyof T]: Setting<T[K]> },
): ConfigDefinition<T> {
  const definition = { name, KEY: Symbol(`config:${name}`), settings };
  definitions.push(definition as unknown as ConfigDefinition<Record<string, unknown>>);
  return definition;
}

/** All settings declared by the modules loaded so far, in order of declaration. */
export function declaredConfigs(): readonly ConfigDefinition<Record<string, unknown>>[] {
  return definitions;
}

/** Reads and validates a module's settings. Throws `ConfigError` that lists every bad variable at once. */
export function readConfig<T extends Record<string, unknown>>(
  definition: ConfigDefinition<T>,
  environment: Environment,
): Readonly<T> {
  const values: Partial<T> = {};
  const problems: string[] = [];
  for (const key of Object.keys(definition.settings) as (keyof T)[]) {
    const setting = definition.settings[key];
    const text = environment[setting.env];
    const parsed = setting.schema.safeParse(text === '' ? undefined : text);
    if (parsed.success) values[key] = parsed.data;
    else {
      const shown = text === undefined ? 'is missing' : setting.secret ? 'is not usable' : `is ${JSON.stringify(text)}`;
      problems.push(
        `${setting.env} ${shown}: ${parsed.error.issues.map((i) => i.message).join('; ')}. It is: ${setting.doc}`,
      );
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze(values as T);
}

/** Provides a module's settings under its `KEY`. */
export function configProvider<T extends Record<string, unknown>>(definition: ConfigDefinition<T>): Provider {
  return {
    provide: definition.KEY,
    useFactory: (environment: Environment) => readConfig(definition, environment),
    inject: [ENVIRONMENT],
  };
}

/** The kinds of setting there are. Each takes the variable's name, its default and its one-line meaning. */
export const setting = {
  text: (env: string, byDefault: string, doc: string): Setting<string> => ({
    env,
    doc,
    schema: z.string().default(byDefault),
  }),
  optional: (env: string, doc: string): Setting<string | undefined> => ({ env, doc, schema: z.string().optional() }),
  secret: (env: string, doc: string): Setting<string | undefined> => ({
    env,
    doc,
    secret: true,
    schema: z.string().optional(),
  }),
  /** A whole number between `min` and `max`. */
  integer: (env: string, byDefault: number, doc: string, min = 0, max = Number.MAX_SAFE_INTEGER): Setting<number> => ({
    env,
    doc,
    schema: z.coerce
      .number({ error: `set it to a whole number from ${min} to ${max}` })
      .int(`set it to a whole number from ${min} to ${max}`)
      .min(min, `set it to at least ${min}`)
      .max(max, `set it to at most ${max}`)
      .default(byDefault),
  }),
  /** A number between `min` and `max`. */
  number: (env: string, byDefault: number, doc: string, min: number, max: number): Setting<number> => ({
    env,
    doc,
    schema: z.coerce
      .number({ error: `set it to a number from ${min} to ${max}` })
      .min(min, `set it to at least ${min}`)
      .max(max, `set it to at most ${max}`)
      .default(byDefault),
  }),
  /** A TCP port; 0 lets the system choose a free one. */
  port: (env: string, byDefault: number, doc: string): Setting<number> =>
    setting.integer(env, byDefault, doc, 0, 65535),
  flag: (env: string, byDefault: boolean, doc: string): Setting<boolean> => ({
    env,
    doc,
    schema: z
      .enum(['true', 'false'], { error: 'set it to true or false' })
      .transform((text) => text === 'true')
      .default(byDefault),
  }),
  choice: <const C extends readonly [string, ...string[]]>(
    env: string,
    choices: C,
    byDefault: C[number],
    doc: string,
    embedded?: C[number],
  ): Setting<C[number]> => ({
    env,
    doc,
    embedded,
    schema: z.enum(choices, { error: `set it to one of ${choices.join(', ')}` }).default(byDefault as never) as never,
  }),
};
