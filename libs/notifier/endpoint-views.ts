import type { AttemptView, DeliveryView } from './deliveries.dto.js';
import type { DeliveryRow, EndpointRow } from './delivery-queue.repository.js';
import type { EndpointView } from './endpoints.dto.js';
import type { AttemptRow } from './endpoints.repository.js';

/** An endpoint as REST shows it: never its secrets. */
export function endpointView(row: EndpointRow): EndpointView {
  return {
    id: row.key,
    tenantId: row.tenantKey,
    name: row.name,
    url: row.url,
    status: row.status,
    statusReason: row.statusReason,
    eventTypes: row.eventTypes,
    severities: row.severities,
    domains: row.domains,
    validationHandshake: row.validationHandshake,
    health: row.health,
    consecutiveFailures: row.consecutiveFailures,
    lastSuccessAt: row.lastSuccessAt?.toISOString() ?? null,
    lastFailureAt: row.lastFailureAt?.toISOString() ?? null,
    lastError: row.lastError,
    pausedUntil: row.pausedUntil?.toISOString() ?? null,
    sequence: row.sequence,
    previousSecretUntil: row.previousSecretUntil?.toISOString() ?? null,
    revision: row.revision,
    createdAt: row.createdAt.toISOString(),
  };
}

/** A delivery as REST lists it. */
export function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: row.key,
    endpointId: row.endpointKey,
    eventId: row.notificationId,
    type: row.type,
    alertId: row.alertKey,
    sequence: row.sequence,
    status: row.status,
    attempts: row.attempts,
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
    lastError: row.lastError,
  };
}

/** An attempt as REST shows it. */
export function attemptView(row: AttemptRow): AttemptView {
  const { attempt, durationMs, status, error, answer } = row;
  return { attempt, at: row.at.toISOString(), durationMs, status, error, answer };
}
