import type { Transition } from '#libs/contracts';
import { type SpanReference, type Tracing, traceOfMessage } from '#libs/runtime';
import type { Alert, NotifiedKind } from './alert.js';

/**
 * The span of what a verdict did to an alert, from the verdict until now: in the trace of the message that caused it, where
 * that is known. What a person did is told of in the span of the request. Undefined where nothing is traced.
 */
export function alertSpan(
  tracing: Tracing,
  kind: NotifiedKind,
  alert: Alert,
  cause: Transition | undefined,
): SpanReference | undefined {
  const running = tracing.running();
  if (!cause) return running;
  const { messageId, judgedAt: startedAt } = cause;
  const ids = traceOfMessage(messageId);
  // The span of an urgent entry was made by who normalised it; a bulk entry has none.
  const hasSpan = messageId.startsWith('u.');
  const span = tracing.begin(`alert ${kind}`, {
    parent: ids && hasSpan ? { ...ids, sampled: tracing.keeps(ids.traceId) } : undefined,
    identity: ids && !hasSpan ? { traceId: ids.traceId } : undefined,
    links: running ? [running] : [],
    startedAt,
    attributes: {
      'citysense.message.id': messageId,
      'citysense.alert.id': alert.key,
      'citysense.alert.severity': alert.severity,
      'citysense.rule.id': alert.ruleKey,
    },
  });
  span?.end();
  return span?.reference;
}
