// The pages around the devices, against the mock: each does its work, and tells what is wrong and what to do.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { faintTexts, nameless, sideways } from '../audit.mjs'
import { until } from '../until.mjs'
import { startMock } from './start.mjs'

const mock = await startMock()
const { admin, base, desktop, enter, phone, shot, signedIn } = await import('../browser.mjs')

const visit = signedIn()
after(() => mock.stop())

async function audited(page, name) {
  await shot(page, name)
  assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
  assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
}

test('the communication log is turned on, filtered, paused and taken along', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/devices/boiler-2/communication`)
  await page.getByText('Turn it on to see every message').waitFor()
  await page.getByRole('button', { name: 'Turn on' }).click()
  const log = page.getByRole('region', { name: 'Communication with boiler-2' })
  await log.getByText('34 registers of unit 1').nth(2).waitFor()
  await page.getByLabel('Filter by meaning or bytes').fill('01 04 00 00')
  await until('only requests', async () => (await log.getByText('34 registers').count()) === 0)
  await log.getByText('Read input registers').first().waitFor()
  await page.getByLabel('Filter by meaning or bytes').fill('')
  await page.getByRole('radio', { name: 'received' }).check()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText(/, paused\.$/).waitFor()
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download' }).click()
  assert.equal((await download).suggestedFilename(), 'boiler-2-communication.txt')
  await audited(page, 'log-desktop')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByText('Off: nothing is recorded.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a table with mistakes shows them by row, a good one is applied', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/config/import`)
  const file = (name, text) => page.getByLabel('File to import').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) })
  await file('bad.csv', 'device,tag,address,type,unit\npress,a,holding:1,flot32,bar\npress,b,holding:3,float32,\n')
  await page.getByText(/1 error: nothing can be imported yet/).waitFor()
  const row = page.getByRole('row', { name: /row 2/ })
  await row.getByText('flot32', { exact: true }).first().waitFor()
  await row.getByText('Use one of bool').waitFor()
  await audited(page, 'import-bad-desktop')
  await file('good.csv', 'device,tag,address,type,unit,alarm\nnew-press,a,holding:1,float32,bar,x\n')
  await page.getByText('Not translated').waitFor()
  await page.getByText('new-press starts').waitFor()
  await page.getByRole('button', { name: 'Review and apply' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText(/^Revision \d+ is running$/).waitFor()
  for (const [button, name] of [[/^Export all/, /^plant-north-1-tags\.xlsx$/], ['Empty table with an example', /^empty\.xlsx$/]]) {
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: button }).click()
    assert.match((await download).suggestedFilename(), name)
  }
  await page.getByRole('checkbox', { name: /^boiler-1/ }).check()
  await page.getByRole('button', { name: 'Export 1 device' }).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('secrets are set, set anew and removed, and never shown', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/settings/secrets`)
  await page.getByText('None is stored yet.').waitFor()
  await page.getByRole('button', { name: 'Add a secret' }).click()
  const dialog = page.getByRole('dialog', { name: 'Add a secret' })
  await dialog.getByRole('button', { name: 'Store the secret' }).click()
  await dialog.getByText('Enter a name.').waitFor()
  await dialog.getByLabel('Name').fill('broker')
  await dialog.getByLabel('Value').fill('topsecret')
  await dialog.getByRole('button', { name: 'Store the secret' }).click()
  await page.getByRole('row', { name: /broker/ }).getByText('nothing').waitFor()
  assert.equal(await page.getByText('topsecret').count(), 0)
  await audited(page, 'secrets-desktop')
  await page.getByRole('button', { name: 'Set anew broker' }).click()
  await page.getByRole('dialog').getByLabel('Value').fill('another')
  await page.keyboard.press('Enter')
  await until('the dialog to close', async () => (await page.getByRole('dialog').count()) === 0)
  await page.getByRole('button', { name: 'Remove broker' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove secret' }).click()
  await page.getByText('None is stored yet.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a certificate is compared and trusted, added and trusted no more', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/settings/certificates`)
  const trusted = page.getByRole('region', { name: 'Trusted' })
  await page.getByRole('button', { name: 'Compare and trust… CN=Press line server, O=Maker' }).click()
  const dialog = page.getByRole('dialog', { name: 'Compare, then trust' })
  await dialog.getByText('Compare the fingerprint first.').waitFor()
  await audited(page, 'certificate-trust-desktop')
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Trust this certificate' }).click()
  await trusted.getByText('CN=Press line server').first().waitFor()
  await page.getByText('None. When the edge meets a certificate').waitFor()
  await page.getByRole('button', { name: 'Add a certificate or revocation list' }).click()
  const adding = page.getByRole('dialog', { name: 'Add a certificate or revocation list' })
  await adding.getByLabel('Certificate or list').fill('nonsense')
  await adding.getByRole('button', { name: 'Trust it' }).click()
  await adding.getByText('Paste PEM').waitFor()
  await adding.getByLabel('Certificate file').setInputFiles({ name: 'ca.der', mimeType: 'application/x-x509-ca-cert', buffer: Buffer.from([0x30, 0x82, ...Array.from({ length: 60 }, () => 7)]) })
  await until('the file as base64', async () => (await adding.getByLabel('Certificate or list').inputValue()).startsWith('MIIHBwcH'))
  await adding.getByRole('button', { name: 'Trust it' }).click()
  await trusted.getByRole('heading', { name: /^CN=Uploaded/ }).waitFor()
  await page.getByRole('button', { name: /^Trust no more… CN=Uploaded/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await until('it to be gone', async () => (await trusted.getByRole('heading', { name: /^CN=Uploaded/ }).count()) === 0)
  assert.deepEqual(problems.filter((problem) => !problem.includes('422')), [])
  await context.close()
})

test('events are filtered, paged, and come by themselves', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/events`)
  const rows = page.getByRole('row')
  await until('a page of events', async () => (await rows.count()) === 101)
  await page.getByRole('button', { name: 'Older events' }).click()
  await until('a second page', async () => (await rows.count()) === 201)
  const name = `event-${Date.now()}`
  await page.request.put(`${base}/api/v1/secrets/${name}`, { data: { value: 'x' }, headers: { 'X-Tagwerk-Request': '1' } })
  await page.getByText(`secret ${name} set`).waitFor()
  await page.getByLabel('Kind of event').selectOption('sink')
  await until('only sinks', async () => (await rows.filter({ hasText: 'logged in' }).count()) === 0)
  await page.getByText('unstable link').first().waitFor()
  await page.getByLabel('Filter events by text').fill('nothing like this')
  await page.getByText('No event matches these filters.').waitFor()
  assert.ok(page.url().includes('kind=sink'), 'the filter is in the address')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a backup is made, looked into, and restored', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/settings/backup`)
  await page.getByRole('button', { name: 'Make a backup' }).click()
  await page.getByText('Use 12 characters or more; this has 0.').waitFor()
  const passphrase = 'Füller und sieben Äpfel'
  await page.getByLabel('Passphrase for the backup').fill(passphrase)
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Make a backup' }).click()
  const file = await download
  assert.match(file.suggestedFilename(), /^tagwerk-.*\.backup$/)
  await page.getByText(/is downloaded/).waitFor()
  await page.getByLabel('Backup file').setInputFiles(await file.path())
  await page.getByLabel('Passphrase of the backup').fill('not the one it was')
  await page.getByRole('button', { name: 'Look inside' }).click()
  await page.getByText('Enter the passphrase that the backup was made with.').waitFor()
  await page.getByLabel('Passphrase of the backup').fill(passphrase)
  await page.getByRole('button', { name: 'Look inside' }).click()
  await page.getByRole('heading', { name: 'What is inside' }).waitFor()
  await audited(page, 'backup-desktop')
  await page.getByRole('button', { name: 'Restore it…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Restore now' }).click()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  assert.deepEqual(problems.filter((problem) => !problem.includes('422')), [])
  await context.close()
})

test('a template is added, with a review of what it touches', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/config/templates`)
  await page.getByRole('button', { name: 'Add to the configuration plc-line' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('plc-line is added; no device is made from it').waitFor()
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText(/^Revision \d+ is running$/).waitFor()
  await page.getByRole('region', { name: 'In this configuration' }).getByText('No device is made from it yet.').waitFor()
  await audited(page, 'templates-desktop')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a button that stops being usable keeps the focus of who uses the keyboard', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/config/templates`)
  await page.getByRole('button', { name: 'Add to the configuration sunspec-meter' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('sunspec-meter is added').waitFor()
  const { revision, text } = await (await page.request.get(`${base}/api/v1/config`)).json()
  const other = { data: `${text}# by somebody else\n`, headers: { 'If-Match': `"${revision}"`, 'X-Tagwerk-Request': '1', 'Content-Type': 'text/yaml' } }
  assert.equal((await page.request.put(`${base}/api/v1/config`, other)).status(), 200)
  await dialog.getByRole('button', { name: /^Apply as revision/ }).focus()
  const button = await page.evaluateHandle(() => document.activeElement)
  await page.keyboard.press('Enter')
  await dialog.getByText('Look at the difference with the newer revision first.').waitFor()
  assert.ok(await button.evaluate((element) => element === document.activeElement), 'the same button has the focus')
  assert.deepEqual(problems.filter((problem) => !problem.includes('412')), [])
  await context.close()
})

test('a viewer is told on every page what the role lacks', async () => {
  const own = await visit()
  await own.page.goto(`${base}/settings/users`)
  await own.page.getByRole('button', { name: 'Add user' }).click()
  const dialog = own.page.getByRole('dialog', { name: 'Add a user' })
  await dialog.getByLabel('User name').fill('otto')
  await dialog.getByRole('textbox', { name: 'Password' }).fill(admin.password)
  await dialog.getByRole('button', { name: 'Add user' }).click()
  await own.page.getByRole('row').filter({ hasText: 'otto' }).waitFor()
  await own.context.close()
  const { page, context, problems } = await visit({ state: undefined, size: phone, touch: true })
  await page.goto(`${base}/login`)
  await page.getByLabel('User name').fill('otto')
  await page.getByRole('textbox', { name: 'Password' }).fill(admin.password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { level: 2, name: 'Devices' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Add a device' }).count(), 0)
  for (const path of ['/add-device', '/devices/boiler-1/add-tags', '/devices/boiler-1/edit', '/devices/boiler-1/registers', '/config/import', '/settings/users', '/settings/tokens', '/settings/secrets', '/settings/certificates', '/settings/backup']) {
    await page.goto(base + path)
    await page.getByText(/needs the role (engineer|admin); you are viewer\./).first().waitFor()
  }
  await page.goto(`${base}/devices/boiler-1/communication`)
  await page.getByText('Switching the log needs the role operator; you are viewer.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

const pages = [
  ['add-device', '/add-device', 'What is it?'],
  ['registers', '/devices/boiler-1/registers', 'Registers'],
  ['log', '/devices/boiler-1/communication', 'Communication'],
  ['add-tags', '/devices/boiler-1/add-tags', 'Which tags?'],
  ['edit', '/devices/boiler-1/edit', 'Remove this device'],
  ['templates', '/config/templates', 'Library'],
  ['import', '/config/import', 'Import'],
  ['events', '/events', 'Events'],
  ['users', '/settings/users', 'Users'],
  ['tokens', '/settings/tokens', 'API tokens'],
  ['secrets', '/settings/secrets', 'Secrets'],
  ['certificates', '/settings/certificates', 'Trusted'],
  ['backup', '/settings/backup', 'Make a backup'],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }]]) {
  for (const scheme of width === 'small' ? ['light'] : ['light', 'dark']) {
    test(`the new pages at ${size.width} px, ${scheme}`, async () => {
      const { page, context, problems } = await visit({ state: undefined, size, scheme, touch: width !== 'desktop' })
      await enter(page)
      for (const [name, path, title] of pages) {
        await page.goto(base + path)
        await page.getByRole('heading', { name: title }).first().waitFor()
        await audited(page, `${name}-${width}-${scheme}`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
