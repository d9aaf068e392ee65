import type { StepCode, StepStatus, TraceStep } from './trace-step.js';

interface Words {
  zh: string;
  en: string;
}

const labels: Record<StepCode, Partial<Record<StepStatus, Words>>> = {
  received: {
    done: { zh: '网关已收到', en: 'Received by the gateway' },
    expired: { zh: '已收到，时间已不再保留', en: 'Received; the time is no longer kept' },
  },
  acknowledged: {
    done: { zh: '已落盘，已向设备确认', en: 'Durable, and acknowledged to the device' },
    expired: {
      zh: '已向设备确认，原始条目已超过保留期',
      en: 'Acknowledged to the device; the raw entry is older than is kept',
    },
  },
  normalised: {
    done: { zh: '已解析', en: 'Normalised' },
    failed: { zh: '无法解析', en: 'Could not be normalised' },
    pending: { zh: '等待解析', en: 'Waits to be normalised' },
    expired: { zh: '已解析，结果已超过保留期', en: 'Normalised; the result is older than is kept' },
  },
  dead_lettered: {
    done: { zh: '曾进入死信，已重放', en: 'Was a dead letter, and has been replayed' },
    failed: { zh: '已进入死信', en: 'Is a dead letter' },
    pending: { zh: '等待进入死信列表', en: 'Waits to be listed among dead letters' },
    expired: { zh: '曾进入死信，已不再保留', en: 'Was a dead letter that is no longer kept' },
    withheld: { zh: '有死信，您无权查看', en: 'Has a dead letter that you may not see' },
  },
  stored: {
    done: { zh: '已入库', en: 'Stored' },
    failed: { zh: '未能入库', en: 'Could not be stored' },
    pending: { zh: '等待入库', en: 'Waits to be stored' },
    skipped: { zh: '无可入库的内容', en: 'Nothing to store' },
    expired: { zh: '已入库，现已超过保留期', en: 'Was stored; it is older than is kept' },
  },
  judged: {
    done: { zh: '规则已判断', en: 'Judged by the rules' },
    failed: { zh: '规则判断失败', en: 'The rules failed on it' },
    pending: { zh: '等待规则判断', en: 'Waits to be judged by the rules' },
    skipped: { zh: '无需规则判断', en: 'Nothing for the rules to judge' },
  },
  alerted: {
    done: { zh: '已计入告警', en: 'Counted in an alert' },
    pending: { zh: '等待形成告警', en: 'Waits to become an alert' },
    skipped: { zh: '未引起告警', en: 'No alert came of it' },
    withheld: { zh: '告警信息您无权查看', en: 'Alerts that you may not see' },
  },
  notified: {
    done: { zh: '已送达', en: 'Delivered' },
    failed: { zh: '放弃投递', en: 'Given up after all attempts' },
    pending: { zh: '等待投递', en: 'Waits to be delivered' },
    skipped: {
      zh: '没有端点订阅，或投递记录已不再保留',
      en: 'No endpoint asked for it, or its delivery is no longer kept',
    },
    expired: { zh: '通知已超过保留期', en: 'The notification is older than is kept' },
  },
};

const outcomes: Record<string, Words> = {
  duplicate: { zh: '重复消息，不再计入', en: 'A duplicate: counted once only' },
  connected: { zh: '设备上线', en: 'The device connected' },
  disconnected: { zh: '设备离线', en: 'The device disconnected' },
};

const kinds: Record<string, Words> = {
  raised: { zh: '引发告警', en: 'Raised an alert' },
  repeated: { zh: '计入已有告警', en: 'Counted in an open alert' },
  escalated: { zh: '告警升级', en: 'Escalated an alert' },
  cleared: { zh: '解除告警', en: 'Cleared an alert' },
};

/** A step in words. */
export function labelOf({ step, status, detail }: TraceStep): Words {
  const special =
    status !== 'done'
      ? undefined
      : step === 'normalised'
        ? outcomes[String(detail.outcome)]
        : step === 'alerted'
          ? kinds[String(detail.kind)]
          : undefined;
  return special ?? labels[step][status] ?? { zh: step, en: step };
}
