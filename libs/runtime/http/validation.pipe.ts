import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { invalid, type PlatformError } from '../errors.js';

/** One thing wrong with a request; `field` is a path such as `items.3.name`. */
export interface FieldProblem {
  field: string;
  problem: string;
}

/** Validates every body and query against its DTO class; unknown fields are refused. Failures are 400 `validation_failed`. */
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      exceptionFactory: (errors) => validationFailed(errors.flatMap((error) => problemsOf(error, ''))),
    });
  }

  /** class-validator looks into neither arrays nor bare values: where a DTO is expected, only an object is one. */
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const expectsObject = metadata.metatype !== undefined && !builtIns.has(metadata.metatype);
    if (
      metadata.type === 'body' &&
      expectsObject &&
      (typeof value !== 'object' || Array.isArray(value)) &&
      value !== undefined
    ) {
      throw validationFailed([{ field: '', problem: 'the body must be a JSON object' }]);
    }
    return super.transform(value, metadata);
  }
}

const builtIns = new Set<unknown>([String, Boolean, Number, Array, Object, Buffer, Date]);

/** 400 `validation_failed` that lists every problem found. */
export function validationFailed(errors: readonly FieldProblem[]): PlatformError {
  const shown = errors.slice(0, 3).map(({ field, problem }) => (field ? `${field}: ${problem}` : problem));
  const more = errors.length > 3 ? `; and ${errors.length - 3} more` : '';
  return invalid('validation_failed', `${shown.join('; ')}${more}`, { errors });
}

function problemsOf(error: ValidationError, parent: string): FieldProblem[] {
  const field = parent ? `${parent}.${error.property}` : error.property;
  const own = Object.values(error.constraints ?? {}).map((problem) => ({ field, problem }));
  return [...own, ...(error.children ?? []).flatMap((child) => problemsOf(child, field))];
}
