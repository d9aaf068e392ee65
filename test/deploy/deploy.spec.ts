import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';

const roles = ['gateway', 'pipeline', 'notifier', 'api'] as const;
const deploy = (...path: string[]) => join('deploy', ...path);
const read = (...path: string[]) => readFileSync(deploy(...path), 'utf8');
const chart = (...path: string[]) => read('helm', 'citysense', ...path);

/** The settings that a role lists, straight from the program. */
function settingsOf(role: string): Set<string> {
  const { stdout } = spawnSync(process.execPath, [join('dist', 'apps', 'main.js'), role, '--help'], {
    encoding: 'utf8',
  });
  return new Set([...stdout.matchAll(/^ {2}([A-Z][A-Z0-9_]+)/gm)].map((match) => match[1] as string));
}

const known = new Map<string, Set<string>>();
function everySetting(): Set<string> {
  for (const role of roles) if (!known.has(role)) known.set(role, settingsOf(role));
  return new Set([...known.values()].flatMap((names) => [...names]));
}

/** Every metric that the code declares, and whether it is a counter, a gauge or a histogram. */
function declaredMetrics(): Map<string, string> {
  const sources = readdirSync('libs', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.includes('.spec.'))
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8'));
  const kinds = new Map<string, string>();
  for (const source of sources) {
    for (const [, kind = '', name = ''] of source.matchAll(/\.(counter|gauge|histogram)\(\s*'([a-z0-9_]+)'/g)) {
      kinds.set(name, kind);
    }
  }
  return kinds;
}

/** Every metric's name, with what Prometheus adds to those of histograms. */
function everyMetric(): Set<string> {
  const ends = (kind: string) => (kind === 'histogram' ? ['', '_bucket', '_sum', '_count'] : ['']);
  return new Set([...declaredMetrics()].flatMap(([name, kind]) => ends(kind).map((end) => `${name}${end}`)));
}

/** The metrics that a PromQL expression asks for: names that are no function, no label and no keyword. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '');
  return [...bare.matchAll(/\b[a-z][a-z0-9_]*\b(?!\s*\()/g)].map(([name]) => name).filter((name) => name !== 'up');
}

interface Rule {
  alert: string;
  expr: string;
  annotations: { summary: string };
}

describe('what is monitored', () => {
  const metrics = everyMetric();

  it('is all in docs/metrics.md, and nothing else is', () => {
    const told = [...readFileSync(join('docs', 'metrics.md'), 'utf8').matchAll(/^\| `([a-z0-9_]+)` \|/gm)];
    expect(told.map(([, name]) => name).sort()).toEqual([...declaredMetrics().keys()].sort());
  });

  it('has names of one form: counters end in _total, histograms of time in _seconds', () => {
    const wrong = [...declaredMetrics()].filter(
      ([name, kind]) =>
        name.endsWith('_total') !== (kind === 'counter') ||
        (kind === 'histogram' && !/_(seconds|messages)$/.test(name)),
    );
    expect(wrong).toEqual([]);
  });

  it('alerts only on metrics that there are, in both languages', () => {
    const { groups } = parse(read('prometheus', 'alerts.yml')) as { groups: { rules: Rule[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    for (const { alert, expr, annotations } of rules) {
      expect({ alert, unknown: metricsIn(expr).filter((name) => !metrics.has(name)) }).toEqual({ alert, unknown: [] });
      expect(annotations.summary).toMatch(/[\u4e00-\u9fff]/);
    }
  });

  it('shows only metrics that there are, in both languages', () => {
    interface Panel {
      type: string;
      title: string;
      targets?: { expr: string }[];
    }
    const { panels } = JSON.parse(read('grafana', 'dashboards', 'citysense.json')) as { panels: Panel[] };
    for (const { title, targets = [] } of panels) {
      expect(title).toMatch(/[\u4e00-\u9fff]/);
      const unknown = targets.flatMap(({ expr }) => metricsIn(expr)).filter((name) => !metrics.has(name));
      expect({ title, unknown }).toEqual({ title, unknown: [] });
    }
  });
});

describe('the compose stack', () => {
  interface Service {
    image?: string;
    build?: unknown;
    healthcheck?: { test?: string[] };
    command?: string[];
    environment?: Record<string, string>;
    networks?: string[];
    ports?: string[];
  }
  const stack = parse(read('compose', 'compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
    networks: Record<string, { internal?: boolean }>;
  };

  it('runs every role with settings that it knows', () => {
    for (const role of roles) {
      const { command, environment = {} } = stack.services[role] as Service;
      expect(command).toEqual([role]);
      const unknown = Object.keys(environment).filter((name) => !everySetting().has(name));
      expect({ role, unknown }).toEqual({ role, unknown: [] });
    }
  });

  it('backs up with settings that the command knows, and with the master key', () => {
    const { command, environment = {}, networks } = stack.services.backup as Service;
    expect(command?.slice(0, 2)).toEqual(['backup', '--to']);
    const known = settingsOf('backup');
    // The address of the REST API is of no use to it.
    const unknown = Object.keys(environment).filter((name) => name !== 'PUBLIC_URL' && !known.has(name));
    expect(unknown).toEqual([]);
    expect(environment).toHaveProperty('MASTER_KEY_FILE');
    expect(networks).toEqual(['engines']);
  });

  it('lets only the notifier out, and devices only to the gateway', () => {
    expect(stack.networks.engines?.internal).toBe(true);
    const on = (network: string) =>
      Object.keys(stack.services).filter((name) => stack.services[name]?.networks?.includes(network));
    expect(on('outside')).toEqual(['notifier']);
    expect(on('devices')).toEqual(['gateway']);
  });

  it('keeps what Redis acknowledged, and pins every image', () => {
    expect(stack.services.redis?.command).toEqual(
      expect.arrayContaining(['--appendonly yes', '--appendfsync always', '--maxmemory-policy noeviction']),
    );
    for (const [name, { image }] of Object.entries(stack.services)) {
      expect({ name, image }).toEqual({ name, image: expect.stringMatching(/:(?!latest)[^:]*\d/) });
    }
  });

  it('is given every variable that it reads by .env.example, and no other', () => {
    const given = [...read('compose', '.env.example').matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
    const wanted = [...read('compose', 'compose.yaml').matchAll(/\$\{([A-Z_]+)/g)].map((match) => match[1]);
    expect([...new Set(wanted)].sort()).toEqual([...given].sort());
  });

  it('lets the gateway take messages from an MQTT cluster, with the settings that say which', () => {
    const { environment = {} } = stack.services.gateway as Service;
    const bridge = [...settingsOf('gateway')].filter((name) => name.startsWith('BRIDGE_'));
    expect(bridge.length).toBeGreaterThan(15);
    // Of the others the defaults do.
    const tuned = [
      ...['SESSION_EXPIRY_SECONDS', 'RECEIVE_MAXIMUM', 'KEEP_ALIVE_SECONDS', 'CONNECT_TIMEOUT_MS'],
      ...['LONGEST_BACK_OFF_MS', 'REFUSALS_PER_MINUTE', 'LEAVE_ON_STOP'],
    ].map((name) => `BRIDGE_${name}`);
    const missing = bridge.filter((name) => !(name in environment) && !tuned.includes(name));
    expect(missing).toEqual([]);
    expect(environment.GATEWAY_MQTT).toMatch(/^\$\{GATEWAY_MQTT:-broker\}$/);
  });

  it('asks every service whether it is well', () => {
    const unasked = Object.keys(stack.services).filter((name) => {
      const { build, healthcheck } = stack.services[name] as Service;
      return build === undefined && !healthcheck?.test;
    });
    expect(unasked).toEqual([]);
    // Our own image brings its question along.
    expect(read('Dockerfile')).toMatch(/^HEALTHCHECK .* CMD \["citysense", "--health"\]$/m);
  });

  it('lets into the build what the image copies', () => {
    const admitted: readonly string[] = readFileSync('.dockerignore', 'utf8').match(/(?<=^!).*$/gm) ?? [];
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    expect(copied.length).toBeGreaterThan(8);
    expect(copied.filter((name) => !existsSync(name) || !admitted.includes(name))).toEqual([]);
  });

  it('is built and run on images of one version each', () => {
    const images = Object.values(stack.services).flatMap(({ image, build }) => (build ? [] : [image ?? '']));
    const [base = ''] = read('Dockerfile').match(/(?<=^ARG NODE_IMAGE=).*$/m) ?? [];
    for (const image of [...images, base]) expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$/);
    for (const from of read('Dockerfile').match(/^FROM .*$/gm) ?? [])
      expect(from).toMatch(/^FROM \$\{NODE_IMAGE\}( AS build)?$/);
  });
});

describe('the image', () => {
  const mapped = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const inNamespace = [...mapped, '--pid', '--fork', '--kill-child'];
  const canBeProcessOne = spawnSync('unshare', [...inNamespace, 'true']).status === 0;
  const skipped = canBeProcessOne ? '' : ' (skipped: no namespace for processes can be made here)';

  (canBeProcessOne ? it : it.skip)(
    `as process 1 hears a SIGTERM before its program does, and ends as that ended${skipped}`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'citysense-entrypoint-'));
      // It hears nothing either until it asks to, and says when it is there.
      writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "$@"\nexec sleep 60\n', { mode: 0o755 });
      const started = spawn('unshare', [...inNamespace, 'sh', deploy('entrypoint.sh'), 'gateway'], {
        env: { PATH: `${folder}:${process.env.PATH}` },
        // Its shell says that it was told to end.
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      try {
        const [said] = (await once(started.stdout, 'data')) as [Buffer];
        expect(String(said)).toBe('--enable-source-maps /citysense/dist/apps/main.js gateway\n');
        const children = readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8');
        process.kill(Number(children.trim()), 'SIGTERM');
        expect(await once(started, 'exit')).toEqual([143, null]);
      } finally {
        started.kill('SIGKILL');
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe('the chart', () => {
  const templates = readdirSync(deploy('helm', 'citysense', 'templates'));
  const values = parse(chart('values.yaml')) as { settings: Record<string, string>; roles: Record<string, unknown> };

  it('runs every role, with settings that there are', () => {
    expect(Object.keys(values.roles).sort()).toEqual([...roles].sort());
    expect(Object.keys(values.settings).filter((name) => !everySetting().has(name))).toEqual([]);
    expect(parse(chart('Chart.yaml'))).toMatchObject({ apiVersion: 'v2', name: 'citysense' });
  });

  it('takes no settings from the Services that happen to be in its namespace', () => {
    const pods = templates.map((name) => chart('templates', name)).join('\n');
    const containers = pods.match(/^ +containers:$/gm)?.length;
    expect(pods.match(/^ +enableServiceLinks: false$/gm)?.length).toBe(containers);
  });

  it('backs up with arguments and settings that the command knows, with the master key, and lets it reach engines only', () => {
    const backup = chart('templates', 'backup.yaml');
    expect(backup).toMatch(/args: \[backup, --to, \/backups, --keep, /);
    expect(backup).toMatch(/MASTER_KEY_FILE, value: \/run\/citysense\/master-key/);
    const named = [...backup.matchAll(/name: ([A-Z_]+), value:/g)].map((match) => match[1] as string);
    expect(named.filter((name) => !settingsOf('backup').has(name))).toEqual([]);
    const policy = chart('templates', 'network-policies.yaml').split('.Values.backup.enabled')[1];
    expect(policy).toMatch(/role" "backup"/);
    expect(policy).not.toMatch(/webhooks|mqttCluster/);
  });

  it.each(templates)('%s uses values that there are, and closes what it opens', (name) => {
    const text = chart('templates', name);
    for (const [, path] of text.matchAll(/\$?\.Values\.([A-Za-z_.]+)/g)) {
      const found = (path as string)
        .split('.')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values);
      expect({ path, found: found !== undefined }).toEqual({ path, found: true });
    }
    const opened = text.match(/\{\{-? (?:if|range|with|define) /g)?.length ?? 0;
    const closed = text.match(/\{\{-? end -?\}\}/g)?.length ?? 0;
    expect(closed).toBe(opened);
  });
});

describe('the units', () => {
  it('name settings that there are', () => {
    const unit = deploy('systemd', 'citysense@.service');
    const names = [...read('systemd', 'citysense.env.example').matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(
      (match) => match[1] as string,
    );
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !everySetting().has(name))).toEqual([]);
    const sections = readFileSync(unit, 'utf8').match(/^\[\w+\]$/gm);
    expect(sections).toEqual(['[Unit]', '[Service]', '[Install]']);
  });

  it('back up every night with the command that there is', () => {
    const unit = read('systemd', 'citysense-backup.service');
    expect(unit).toMatch(/^ExecStart=.* dist\/apps\/main\.js backup --to \S+ --keep \d+$/m);
    expect(read('systemd', 'citysense-backup.timer')).toMatch(/^OnCalendar=\S+ \S+$/m);
  });
});

describe('every YAML file', () => {
  const files = readdirSync('deploy', { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.ya?ml$/.test(name) && !name.includes('templates'),
  );

  it.each(files)('%s is well-formed', (name) => {
    for (const document of parseAllDocuments(read(name), { merge: true })) expect(document.errors).toEqual([]);
  });
});
