import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Announcement } from '#libs/runtime';

/** What a person is told once everything runs. */
export interface Welcome {
  dataDir: string;
  httpPort: number;
  gateway: Announcement;
  /** Until it has been changed. */
  initialPassword: string | undefined;
}

/** Prints where the platform listens and how to log in, in both languages. */
export function welcome({ dataDir, httpPort, gateway, initialPassword }: Welcome): void {
  const rows: [string, string][] = [
    ['Console 控制台', `http://127.0.0.1:${httpPort}/`],
    ['REST API 接口', `http://127.0.0.1:${httpPort}/api/v1`],
    ['API docs 文档', `http://127.0.0.1:${httpPort}/docs`],
    ['MQTT 接入', gateway.mqttPort ? `mqtt://127.0.0.1:${gateway.mqttPort}` : 'the cluster at BRIDGE_URL 经桥接集群'],
    ['HTTP ingest 上报', `http://127.0.0.1:${gateway.ingestPort}/devices/{id}/telemetry`],
    ['Data 数据目录', resolve(dataDir)],
  ];
  if (initialPassword) {
    rows.push(['Login 登录', 'admin'], ['One-time password 一次性密码', initialPassword]);
  }
  const lines = rows.map(([name, value]) => `  ${name.padEnd(24 - wide(name))} ${value}`);
  const hint = initialPassword
    ? '  The console asks for a new one (or PUT /api/v1/me/password); until then every start shows it. 请尽快修改，修改前每次启动都会显示。\n'
    : '';
  process.stdout.write(
    `\nCitySense 感知中台 is ready 已就绪\n${lines.join('\n')}\n${hint}  Ctrl-C drains and stops 停止\n\n`,
  );
}

/** Writes the bound ports to `listening.json` in the data folder, for programs that started us on free ports. */
export async function writeListening(dataDir: string, ports: Announcement): Promise<void> {
  const file = join(dataDir, 'listening.json');
  // On server engines nothing else may have made it.
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify({ pid: process.pid, ...ports })}\n`);
  await rename(`${file}.new`, file);
}

/** How many columns a text takes beyond its length: Chinese characters take two. */
function wide(text: string): number {
  return [...text].filter((character) => character > '\u2e7f').length;
}
