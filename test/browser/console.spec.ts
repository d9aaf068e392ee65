import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { browserOffer } from '#libs/runtime/testing';
import { eventually } from '../platform/eventually.js';
import type { ConsoleWindow } from './console-browser.js';
import { administratorsPages } from './console-pages.js';
import { ConsoleScene, type SceneDevice } from './console-scene.js';

const offer = browserOffer();

(offer.available ? describe : describe.skip)(`the console in ${offer.title}`, () => {
  let scene: ConsoleScene;
  let window: ConsoleWindow;
  let meter: SceneDevice;
  let detector: SceneDevice;

  beforeAll(async () => {
    scene = await ConsoleScene.start();
  }, 120_000);
  afterAll(() => scene?.stop(), 60_000);
  afterEach(() => {
    expect(window?.faults.splice(0) ?? []).toEqual([]);
  });

  it('loads little before anybody has logged in', async () => {
    const stranger = await scene.browser.open(scene.platform.url, { language: 'zh-CN' });
    await stranger.page.goto('/');
    await stranger.page.locator('input[autocomplete="username"]').waitFor();
    expect(stranger.scriptBytes()).toBeGreaterThan(50_000);
    expect(stranger.scriptBytes()).toBeLessThan(350_000);
    expect(stranger.faults).toEqual([]);
    expect(await stranger.seriousFaults()).toEqual([]);
    await stranger.close();
  });

  it('lets the administrator in once they have chosen a password of their own', async () => {
    window = await scene.firstLogIn('en');
    expect(await window.page.title()).toContain('CitySense');
    meter = await scene.device('browser-meter', 'water-meter');
    detector = await scene.device('browser-smoke', 'fire-detector');
    await Promise.all([scene.furnish(), scene.simulate('--devices', '24')]);
  }, 90_000);

  it('shows a reading when it arrives', async () => {
    await meter.tell({ 'metering.water.total': 15_230, battery: 3.6 });
    await window.visit('/devices/browser-meter');
    await window.page
      .getByText(/15[, ]?230/)
      .first()
      .waitFor();
    await meter.tell({ 'metering.water.total': 15_417 });
    await window.page
      .getByText(/15[, ]?417/)
      .first()
      .waitFor({ timeout: 5_000 });
  });

  it('shows a smoke alarm without being asked again, and takes its acknowledgement', async () => {
    const { page } = window;
    await window.visit('/alerts');
    const row = page.locator('.el-table__row', { hasText: 'browser-smoke' });
    await detector.tell({ fire: true, alarmKind: 'smoke', alarmPhase: 'alarm' });
    await row.first().waitFor();
    await row.first().locator('[data-test="acknowledge"]').click();
    await eventually(async () => {
      const { items } = await scene.api.call<{ items: { status: string }[] }>(
        'GET',
        '/api/v1/alerts?device=browser-smoke',
      );
      return items.some(({ status }) => status === 'acknowledged') || undefined;
    }, 'the acknowledgement');
  });

  it('gives an alert to somebody, says something to it, and clears it for a reason', async () => {
    const { page } = window;
    const [alert] = (
      await scene.api.call<{ items: { id: string }[] }>(
        'GET',
        '/api/v1/alerts?device=browser-smoke&status=acknowledged',
      )
    ).items;
    await window.visit(`/alerts?alert=${alert?.id}`);
    const drawer = page.getByRole('dialog');
    await drawer.getByLabel('Assignee').click({ force: true });
    await page.getByRole('option', { name: /^Me / }).click();
    await drawer.getByPlaceholder(/./).last().fill('Neighbours called: burnt rice.');
    await drawer.getByRole('button', { name: 'Comment' }).click();
    await drawer.getByText('Neighbours called: burnt rice.').waitFor();
    await drawer.getByRole('button', { name: 'Clear', exact: true }).click();
    const asked = page.getByRole('dialog').last();
    await asked.getByRole('button', { name: 'False alarm' }).click();
    await asked.getByRole('button', { name: 'Clear', exact: true }).click();
    const cleared = await eventually(async () => {
      const told = await scene.api.call<{ status: string }>('GET', `/api/v1/alerts/${alert?.id}`);
      return told.status === 'cleared' ? told : undefined;
    }, 'the alert to be cleared');
    expect(cleared).toMatchObject({
      assignee: { name: expect.any(String) },
      clearReason: 'False alarm, checked on site',
    });
  });

  it('shows a fire alarm on the wall, which somebody can silence', async () => {
    const { page } = window;
    await window.visit('/wall');
    const upstairs = await scene.device('browser-smoke-upstairs', 'fire-detector');
    await upstairs.tell({ fire: true, alarmKind: 'smoke', alarmPhase: 'alarm' });
    const banner = page.locator('[data-test="alarm-banner"]', { hasText: 'browser-smoke-upstairs' });
    await banner.waitFor();
    await banner.locator('[data-test="silence"]').click();
    await banner.locator('[data-test="silence"]').waitFor({ state: 'detached' });
    expect(await banner.count()).toBe(1);
  });

  it('draws a history, and gives it away as a table', async () => {
    const { page } = window;
    await window.visit('/devices/browser-meter?tab=history');
    await page.locator('canvas').first().waitFor();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^browser-meter_\d{4}-\d\d-\d\d\.csv$/);
    const [head = '', ...rows] = readFileSync(await file.path(), 'utf8')
      .trim()
      .split('\r\n');
    expect(head).toMatch(/^\uFEFF?\S+,/);
    expect(rows.some((row) => /,[\d.]+$/.test(row))).toBe(true);
  });

  it('sends a device a command, and takes it back', async () => {
    const { page } = window;
    const { id } = await scene.api.call<{ id: string }>('POST', '/api/v1/devices', {
      id: 'browser-silent',
      name: 'A meter that is not there',
      productId: 'water-meter',
    });
    await window.visit(`/devices/${id}?tab=commands`);
    await page.getByRole('combobox', { name: 'Choose a command' }).click({ force: true });
    await page.getByRole('option', { name: 'Read now' }).click();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('waits for the device').waitFor();
    await page
      .getByRole('row', { name: /Read now/ })
      .getByRole('button', { name: 'Cancel' })
      .click();
    await page.getByText('waits for the device').waitFor({ state: 'detached' });
    const sent = await scene.api.call<{ items: { state: string }[] }>('GET', `/api/v1/devices/${id}/commands`);
    expect(sent.items.map(({ state }) => state)).toEqual(['cancelled']);
  });

  it('finds devices by the name of their district', async () => {
    const { page } = window;
    const { id } = await scene.api.call<{ id: string }>('POST', '/api/v1/installations', {
      name: 'Tea museum',
      areaCode: '520328',
    });
    const meter = { id: 'tea-museum', name: 'Tea museum', productId: 'water-meter', installationId: id };
    await scene.api.call('POST', '/api/v1/devices', meter);
    await window.visit('/devices');
    await page.locator('[data-test="filter-area"]').click();
    await page.getByRole('option', { name: 'Meitan County' }).click();
    await page.waitForURL(/area=520328/);
    await page.locator('.el-table__row', { hasText: 'sim1-' }).first().waitFor({ state: 'detached' });
    expect(await page.locator('.el-table__row').allTextContents()).toEqual([expect.stringContaining('tea-museum')]);
  });

  it('registers a device and rotates its secret, each secret shown once', async () => {
    const { page } = window;
    const shown = page.locator('[data-test="secret"]');
    const readAndClose = async () => {
      const secret = (await shown.textContent())?.trim() ?? '';
      await page.getByRole('button', { name: 'I have kept it' }).click();
      await shown.waitFor({ state: 'hidden' });
      return secret;
    };
    const report = async (secret: string) => {
      const told = await fetch(`${scene.platform.ingestUrl}/devices/browser-new/telemetry`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: '{"values":{"battery":3.6}}',
      });
      return told.status;
    };
    await window.visit('/devices');
    await page.locator('[data-test="register"]').click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Device id').fill('browser-new');
    await form.getByLabel('Name').fill('A new meter');
    await form.getByLabel('Product').click({ force: true });
    await page.getByRole('option', { name: 'Smart water meter', exact: true }).click();
    await form.getByRole('button', { name: 'Register device' }).click();
    const first = await readAndClose();
    await page.waitForURL(/\/devices\/browser-new/);
    expect(await report(first)).toBe(202);

    await page.locator('[data-test="rotate"]').click();
    await page.getByRole('dialog').getByLabel('The old secret stays good').click({ force: true });
    await page.getByRole('option', { name: 'not at all' }).click();
    await page.locator('[data-test="rotate-confirm"]').click();
    const second = await readAndClose();
    expect(await report(second)).toBe(202);
    expect(await report(first)).toBe(401);
    expect(await page.content()).not.toContain(second);
  });

  it('tags, disables and enables the devices that are chosen, and says how far it is', async () => {
    const { page } = window;
    for (const id of ['browser-many-1', 'browser-many-2', 'browser-many-3']) {
      await scene.api.call('POST', '/api/v1/devices', { id, name: id, productId: 'parking-sensor' });
    }
    const many = async () => {
      const path = '/api/v1/devices?q=browser-many';
      const { items } = await scene.api.call<{ items: { status: string; tags: object }[] }>('GET', path);
      return items.map(({ status, tags }) => ({ status, tags }));
    };
    const choose = async (act: string) => {
      await page.locator('.el-table__header .el-checkbox').click();
      await page.getByText('3 chosen').waitFor();
      await page.locator('.toolbar').getByRole('button', { name: act, exact: true }).click();
    };
    const ended = async () => {
      await page.getByText('3 of 3 done, 0 failed').waitFor();
      await page.getByRole('status').getByRole('button', { name: 'Close' }).click();
    };
    await window.visit('/devices?q=browser-many');
    await choose('Tag');
    await page.getByLabel('Tag (key:value)').fill('street:桃溪路');
    await page.getByRole('dialog').getByRole('button', { name: 'Tag', exact: true }).click();
    await ended();
    await choose('Disable');
    await ended();
    expect(await many()).toEqual(Array(3).fill({ status: 'disabled', tags: { street: '桃溪路' } }));
    await choose('Enable');
    await ended();
    expect((await many()).map(({ status }) => status)).toEqual(Array(3).fill('registered'));
  });

  it('acknowledges, takes and clears the alerts that are chosen', async () => {
    const { page } = window;
    for (const id of ['browser-hall-1', 'browser-hall-2']) {
      const hall = await scene.device(id, 'fire-detector');
      await hall.tell({ fire: true, alarmKind: 'smoke', alarmPhase: 'alarm' });
    }
    const choose = async (act: string) => {
      for (const row of await rows.all()) await row.locator('.el-checkbox').click();
      await page.getByText('2 chosen').waitFor();
      await page.locator('.toolbar').getByRole('button', { name: act, exact: true }).click();
    };
    const ended = () => page.getByText('2 of 2 done, 0 failed').waitFor();
    const rows = page.locator('.el-table__row', { hasText: 'browser-hall' });
    await window.visit('/alerts');
    await rows.nth(1).waitFor();
    await choose('Acknowledge');
    await ended();
    await choose('Assign to me');
    await ended();
    await choose('Clear');
    await page.getByRole('dialog').getByRole('button', { name: 'Drill' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Clear', exact: true }).click();
    await ended();
    for (const id of ['browser-hall-1', 'browser-hall-2']) {
      const { items } = await scene.api.call<{ items: object[] }>('GET', `/api/v1/alerts?device=${id}`);
      const handled = {
        status: 'cleared',
        clearReason: 'Drill',
        acknowledgedBy: 'admin',
        assignee: { name: expect.any(String) },
      };
      expect(items).toMatchObject([handled]);
    }
  });

  it('changes a threshold, and says what is wrong before it is sent', async () => {
    const { page } = window;
    const { id } = await scene.api.call<{ id: string }>('POST', '/api/v1/rules', {
      slug: 'low-pressure',
      title: { zh: '管网低压', en: 'Low pressure' },
      severity: 'major',
      scope: { domains: ['water'] },
      definition: { kind: 'threshold', conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 160 }] },
    });
    const value = page.getByRole('group', { name: 'Conditions' }).getByLabel('Value', { exact: true });
    const write = async (text: string) => {
      await value.click({ force: true });
      await page.keyboard.press('Backspace');
      await value.fill(text);
      await page.getByRole('option', { name: text, exact: true }).click();
      await page.locator('#main h2').first().click();
      await page.locator('[data-test="save"]').click();
    };
    await window.visit(`/rules/${id}`);
    await write('170');
    await page.getByText('Must not be below the value.').waitFor();
    await write('120');
    await page.getByText('Saved.').waitFor();
    expect(await scene.api.call('GET', `/api/v1/rules/${id}`)).toMatchObject({
      definition: { conditions: [{ metric: 'pressure', operator: '<', value: 120, clear: 160 }] },
    });
  });

  it('shows what was refused with its bytes, and puts it back', async () => {
    const { page } = window;
    await meter.tell('{"values": {"pressure": ');
    const letter = await eventually(async () => {
      const path = '/api/v1/dead-letters?device=browser-meter';
      return (await scene.api.call<{ items: { id: string }[] }>('GET', path)).items[0];
    }, 'the dead letter');
    await window.visit('/dead-letters?device=browser-meter');
    await page.locator('[data-test="letter"]').first().click();
    await page.getByText('7b 22 76 61').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
    await page.getByText('It is back at the stage that refused it.').waitFor();
    expect(await scene.api.call('GET', `/api/v1/dead-letters/${letter.id}`)).toMatchObject({ replayedBy: 'admin' });
  });

  it('decodes a frame on a draft, step by step', async () => {
    const { page } = window;
    await window.visit('/products/acme-manhole?show=decode');
    await page.locator('[data-test="payload"]').fill('0x1e');
    await page.locator('[data-test="decode"]').click();
    await page.getByRole('cell', { name: '30 deg' }).waitFor();
    await page.locator('[data-test="payload"]').fill('xyz');
    await page.locator('[data-test="decode"]').click();
    await page.getByText('Must be hexadecimal digits').waitFor();
  });

  it('sends a test to a webhook and shows what came of it', async () => {
    const { page } = window;
    await window.visit('/webhooks');
    await page.getByRole('link', { name: '城管平台 city management' }).click();
    await Promise.all([scene.desk.next('endpoint.test'), page.locator('[data-test="test"]').click()]);
    await page.getByRole('dialog').getByRole('cell', { name: '204' }).waitFor();
  });

  it('gives a new account its password once, and an auditor no more than the audit', async () => {
    const { page } = window;
    await window.visit('/users');
    await page.getByRole('button', { name: 'New account' }).click();
    await page.getByLabel('Login').fill('zhao.min');
    await page.getByLabel(/^Name/).fill('赵敏');
    await page.getByLabel('Roles').click({ force: true });
    await page.getByRole('option', { name: 'Operator' }).click();
    await page.getByRole('option', { name: 'Auditor' }).click();
    await page.getByLabel(/^Name/).click();
    await page.getByRole('button', { name: 'Save' }).click();
    const password = (await page.locator('[data-test="secret"]').textContent()) ?? '';
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('cell', { name: /zhao\.min/ }).waitFor();

    const auditor = await scene.browser.open(scene.platform.url, { language: 'zh-CN' });
    await auditor.logIn('zhao.min', password.trim(), 'paper anchor violet 7');
    expect(await auditor.page.getByRole('link', { name: '规则' }).count()).toBe(0);
    await auditor.visit('/audit');
    await auditor.page.locator('[data-test="verify"]').click();
    await auditor.page.getByText('审计链完整').waitFor();
    expect(await auditor.seriousFaults()).toEqual([]);
    await auditor.visit('/rules');
    expect(auditor.faults).toEqual([]);
    await auditor.close();
  }, 60_000);

  it('speaks the other language at once, and remembers it', async () => {
    const { page } = window;
    await window.visit('/rules');
    await page.locator('[data-test="language"]').click();
    await page.getByRole('menuitem', { name: '中文' }).click();
    await page.getByRole('heading', { name: '规则', exact: true }).waitFor();
    await page.reload();
    await window.settle();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
  });

  it('has no serious fault of accessibility on any page, in light and dark, and fits on a phone', async () => {
    const faults: string[] = [];
    for (const { name, path } of await administratorsPages(scene.api)) {
      await window.visit(path);
      faults.push(...(await window.seriousFaults()).map((fault) => `${name}: ${fault}`));
      await window.shade('dark');
      faults.push(...(await window.seriousFaults(['color-contrast'])).map((fault) => `${name} in dark: ${fault}`));
      await window.shade('light');
      const overhang = await window.overhangOnPhone();
      if (overhang > 0) faults.push(`${name}: ${overhang} pixels too wide for a phone`);
    }
    expect(faults).toEqual([]);
  }, 180_000);
});
