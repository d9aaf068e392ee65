import { Catch, type ExceptionFilter, Inject, Injectable, type Type, UseFilters } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { PATTERN_METADATA } from '@nestjs/microservices/constants.js';
import { type Observable, throwError } from 'rxjs';
import { TRACING, type Tracing } from '#libs/runtime';
import type { StageBatch } from '../stage.js';
import type { Source } from '../stream.port.js';
import { inBatchSpan } from './batch-span.js';

/** A stage's class, as far as the stream knows it. */
interface StageController {
  reset?(source: Source): Promise<void> | void;
}

/** Lets a stage's failure reach the stream server as it was thrown; Nest would answer "Internal server error". */
@Catch()
class FailureAsThrown implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

const prepared = new WeakSet<object>();

/** The controllers of this app that handle patterns of the stream. */
@Injectable()
export class StageControllers {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(TRACING) private readonly tracing: Tracing,
  ) {}

  /** Call it before Nest binds the handlers. */
  letFailuresThrough(): void {
    for (const { metatype } of this.controllers()) {
      if (typeof metatype !== 'function' || prepared.has(metatype) || patternsOf(metatype as Type).size === 0) continue;
      prepared.add(metatype);
      UseFilters(new FailureAsThrown())(metatype);
    }
  }

  /** The controller whose method has the pattern. */
  find(pattern: string): StageController | undefined {
    for (const { metatype, instance } of this.controllers()) {
      if (typeof metatype === 'function' && patternsOf(metatype as Type).has(pattern))
        return instance as StageController;
    }
    return undefined;
  }

  /** Calls a handler, in a span where spans are exported. */
  handling<T>(batch: StageBatch, handle: () => Promise<T>): Promise<T> {
    return this.tracing.configured && batch.entries.length > 0 ? inBatchSpan(this.tracing, batch, handle) : handle();
  }

  private *controllers() {
    for (const module of this.modules.values()) yield* module.controllers.values();
  }
}

function patternsOf(controller: Type): Set<unknown> {
  const patterns = new Set<unknown>();
  for (
    let prototype = controller.prototype;
    prototype && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as object | undefined;
      if (typeof method !== 'function') continue;
      for (const pattern of (Reflect.getMetadata(PATTERN_METADATA, method) as unknown[] | undefined) ?? [])
        patterns.add(pattern);
    }
  }
  return patterns;
}
