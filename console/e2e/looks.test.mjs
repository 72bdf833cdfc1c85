// Every page at both widths and in both themes: pictures, no sideways scroll, names, contrast, a clean console.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { faintTexts, nameless, sideways } from './audit.mjs'
import { base, desktop, phone, shot, signedIn } from './browser.mjs'
import { until } from './until.mjs'

const pages = [
  ['overview', '/', 'Devices'],
  ['device', '/devices/boiler-1', 'Tags'],
  ['tag', '/devices/boiler-1?tag=drum_pressure', 'Last samples'],
  ['tag-write', '/devices/boiler-1?tag=pressure_setpoint', 'Last commands'],
  ['config', '/config', 'Findings'],
  ['reference', '/config?open=reference', 'Settings'],
  ['revisions', '/config/revisions', 'Revisions'],
  ['revision', '/config/revisions/1', 'Revision 1'],
  ['add-device', '/add-device', 'What is it?'],
  ['registers', '/devices/boiler-1/registers', 'Registers'],
  ['communication', '/devices/boiler-1/communication', 'Communication'],
  ['add-tags', '/devices/boiler-1/add-tags', 'Which tags?'],
  ['device-settings', '/devices/boiler-1/edit', 'Remove this device'],
  ['templates', '/config/templates', 'Library'],
  ['import', '/config/import', 'Import'],
  ['alarms', '/alarms', 'Alarms'],
  ['alarm-history', '/alarms/history', 'Alarms'],
  ['alarm-definitions', '/alarms/definitions', 'Alarms'],
  ['alarm-new', '/alarms/new?tag=boiler-1%2Fdrum_pressure', 'New alarm'],
  ['notifications', '/alarms/notifications', 'Notifications'],
  ['channel-new', '/alarms/notifications/new-channel', 'New channel'],
  ['route-new', '/alarms/notifications/new-route', 'New route'],
  ['rules', '/rules', 'Rules'],
  ['rule-new', '/rules/new', 'New rule'],
  ['events', '/events', 'Events'],
  ['trends', '/trends', 'No tag is picked yet'],
  ['storage', '/storage', 'Tags by size'],
  ['sql', '/sql', 'SQL'],
  ['ledger', '/ledger', 'Ledger'],
  ['dead-letters', '/sinks/dead-letters', 'Dead letters'],
  ['settings', '/settings', 'My account'],
  ['users', '/settings/users', 'Users'],
  ['tokens', '/settings/tokens', 'API tokens'],
  ['secrets', '/settings/secrets', 'Secrets'],
  ['certificates', '/settings/certificates', 'Trusted'],
  ['backup', '/settings/backup', 'Make a backup'],
  ['not-found', '/nowhere', 'There is no such page'],
]

const visit = signedIn()

for (const [width, size] of [['desktop', desktop], ['phone', phone]]) {
  for (const scheme of ['light', 'dark']) {
    test(`every page at ${size.width} × ${size.height}, ${scheme}`, async () => {
      const { page, context, problems } = await visit({ size, scheme, touch: width === 'phone' })
      for (const [name, path, heading] of pages) {
        await page.goto(base + path)
        await page.getByRole('heading', { name: heading }).first().waitFor()
        await page.getByText('live', { exact: true }).first().waitFor({ state: 'attached' })
        if (name.startsWith('tag')) await page.getByRole('slider').waitFor()
        if (name === 'config') await page.getByText(/no findings|\d+ (error|warning)/).first().waitFor()
        await shot(page, `${name}-${width}-${scheme}`)
        assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
        assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
        assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}

test('nothing scrolls sideways at 360 px', async () => {
  const { page, context } = await visit({ size: { width: 360, height: 740 }, touch: true })
  for (const [name, path, heading] of pages) {
    await page.goto(base + path)
    await page.getByRole('heading', { name: heading }).first().waitFor()
    assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  }
  await context.close()
})

test('the login looks right, and the theme can be chosen', async () => {
  const out = await visit({ state: undefined, scheme: 'dark' })
  await out.page.goto(`${base}/login`)
  await out.page.getByRole('button', { name: 'Log in' }).waitFor()
  await shot(out.page, 'login-desktop-dark')
  assert.deepEqual(await faintTexts(out.page), [])
  assert.deepEqual(out.problems, [])
  await out.context.close()

  const { page, context } = await visit({ scheme: 'light' })
  await page.goto(`${base}/settings`)
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await ground()
  await page.getByRole('radio', { name: 'Dark' }).check()
  await until('a dark ground', async () => (await ground()) !== light)
  await page.reload()
  await page.getByRole('radio', { name: 'Dark' }).waitFor()
  assert.notEqual(await ground(), light, 'the choice outlasts a reload')
  await page.getByRole('radio', { name: 'Light' }).check()
  await until('a light ground', async () => (await ground()) === light)
  await context.close()
})
