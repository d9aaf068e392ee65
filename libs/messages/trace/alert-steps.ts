import { instant, waiting } from './flow-steps.js';
import type { AlertFact, DeliveryFact, TraceFacts, TransitionFact } from './trace-facts.js';
import type { TraceStep } from './trace-step.js';

/** What the message did to alerts, each followed by who was told of it. Nothing before the rules have judged it, or need not. */
export function alertSteps(facts: TraceFacts, judged: TraceStep): TraceStep[] {
  const { alerts, transitions, withheld } = facts;
  if (judged.status !== 'done') return [];
  if (withheld.alerts) return [{ step: 'alerted', status: 'withheld', detail: {} }];
  const steps = alerts.flatMap((alert) => [alertStep(alert), ...notifiedSteps(alert, facts)]);
  for (const one of transitions) {
    const { ruleKey, subject } = one.transition;
    const told = alerts.some((alert) => alert.ruleId === ruleKey && alert.subject === subject);
    if (!told) steps.push(untoldStep(one, facts));
  }
  return steps.length > 0 ? steps : [{ step: 'alerted', status: 'skipped', detail: {} }];
}

function alertStep({ alertId, kind, at, severity, status, titles, ruleId, subject }: AlertFact): TraceStep {
  const detail = { alertId, kind, severity, alertStatus: status, titles, ruleId, subject };
  return { step: 'alerted', status: 'done', at, detail };
}

/** A verdict that no timeline tells of: not taken yet, one of a run of repetitions, or of no consequence. */
function untoldStep({ transition, appliedAt, countedIn }: TransitionFact, { standings }: TraceFacts): TraceStep {
  const { ruleKey: ruleId, kind, severity, subject } = transition;
  const detail = { alertId: countedIn ?? null, kind, severity, ruleId, subject };
  if (appliedAt === undefined) return { ...waiting('alerted'), waitsFor: standings.alerts, detail };
  return { step: 'alerted', status: countedIn === undefined ? 'skipped' : 'done', at: appliedAt, detail };
}

function notifiedSteps(alert: AlertFact, facts: TraceFacts): TraceStep[] {
  // A run of repetitions is shown, and nobody is told of it.
  if (alert.kind === 'repeated') return [];
  const { notification, alertId, kind } = alert;
  const step = 'notified';
  if (!notification) return [{ step, status: 'expired', detail: { alertId, kind } }];
  const detail = { alertId, eventId: notification.id, type: notification.type };
  if (notification.deliveries.length > 0) return notification.deliveries.map((one) => deliveryStep(one, detail));
  if (!notification.relayed) return [{ ...waiting(step), detail }];
  const notifier = facts.notifiers.get(alertId);
  if (notifier && notifier.acknowledged < notifier.last) return [{ ...waiting(step), waitsFor: notifier, detail }];
  return [{ step, status: 'skipped', detail }];
}

function deliveryStep(delivery: DeliveryFact, about: Record<string, unknown>): TraceStep {
  const { id: deliveryId, endpointId, endpointName, status, attempts, lastError = null } = delivery;
  const detail = { ...about, deliveryId, endpointId, endpointName, attempts, lastError };
  switch (status) {
    case 'delivered':
      return { step: 'notified', status: 'done', at: delivery.finishedAt, detail };
    case 'dead':
      return { step: 'notified', status: 'failed', at: delivery.finishedAt, detail };
    case 'pending':
      return { ...waiting('notified'), detail: { ...detail, nextAttemptAt: instant(delivery.nextAttemptAt) } };
  }
}
