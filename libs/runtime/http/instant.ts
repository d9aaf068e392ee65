import { applyDecorators } from '@nestjs/common';
import { IsISO8601, Matches } from 'class-validator';

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** A field that is a moment in RFC 3339: what ISO 8601 allows beyond it (weeks, ordinals, no zone) `Date` does not read, or guesses. */
export const IsInstant = () =>
  applyDecorators(
    IsISO8601({ strict: true }),
    Matches(rfc3339, { message: '$property must be a time like 2026-11-22T04:00:00Z' }),
  );
