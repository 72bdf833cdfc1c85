// A working day on the console, against a real edge with the demo plant or against the mock.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { base, enter, admin, launch, newPage, shot } from './browser.mjs'
import { until } from './until.mjs'

let browser
let state

before(async () => {
  browser = await launch()
})

after(async () => {
  await browser?.close()
})

const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })
const valueOf = async (page, name) => (await row(page, name).getByRole('cell').first().textContent()) ?? ''
const numberOf = async (page, name) => parseFloat(await valueOf(page, name))
const editor = (page) => page.getByRole('textbox', { name: 'Configuration in YAML' })

async function runningText(page) {
  const answer = await page.request.get(`${base}/api/v1/config`, { headers: { Accept: 'application/json' } })
  return (await answer.json()).text
}

/** Replaces the first occurrence as a person does: search, then type over the match. */
async function replaceInEditor(page, wanted, replacement) {
  await editor(page).focus()
  await page.keyboard.press('Control+Home')
  await page.keyboard.press('Control+f')
  // The search takes what was typed at each key, so it is typed.
  await page.getByRole('textbox', { name: 'Find' }).clear()
  await page.keyboard.type(wanted)
  await page.keyboard.press('Enter')
  await page.keyboard.press('Escape')
  await page.keyboard.type(replacement)
}

test('the first administrator is set up, or logs in', async () => {
  const { page, context, problems } = await newPage(browser)
  await page.goto(process.env.TAGWERK_SETUP_URL ?? base)
  const title = page.getByRole('heading', { level: 1 })
  await title.waitFor()
  if ((await title.textContent()) === 'Set up this edge') {
    await page.getByRole('button', { name: 'Create administrator' }).click()
    await page.getByText('Enter a user name.').waitFor()
    await page.getByLabel('User name').fill(admin.username)
    await page.getByRole('textbox', { name: 'Password' }).fill('short')
    await page.getByText('add at least 5 more').waitFor()
    await shot(page, 'setup-desktop-light')
  }
  problems.length = 0
  await enter(page)
  await page.getByRole('heading', { level: 2, name: 'Devices' }).waitFor()
  state = await context.storageState()
  assert.deepEqual(problems, [])
  await context.close()
})

test('values change without a reload', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(base)
  await page.getByRole('link', { name: 'boiler-1', exact: true }).first().click()
  await page.getByRole('heading', { level: 1, name: 'boiler-1' }).waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  await page.evaluate(() => (window.notReloaded = true))
  const first = await until('a value', () => valueOf(page, 'drum_pressure'))
  await until('another value', async () => (await valueOf(page, 'drum_pressure')) !== first)
  assert.equal(await page.evaluate(() => window.notReloaded), true)
  assert.match(await valueOf(page, 'drum_pressure'), /bar$/)
  await row(page, 'drum_pressure').getByText('good').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a set point is written in two steps, and the process follows', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(`${base}/devices/boiler-1?tag=pressure_setpoint`)
  const panel = page.getByRole('complementary', { name: 'Tag pressure_setpoint' })
  await panel.getByText('Allowed: 4 to 12 bar').waitFor()
  // A real boiler has more tags than one page.
  await page.getByRole('searchbox', { name: /^Filter tags/ }).fill('pressure')
  await row(page, 'pressure_setpoint').waitFor()
  const earlier = await until('the pressure', () => numberOf(page, 'drum_pressure'))
  const target = earlier > 8 ? 6.5 : 9.5

  await panel.getByLabel('New value in bar').fill('99')
  await panel.getByRole('button', { name: 'Review…' }).click()
  await panel.getByText('Enter a value from 4 to 12.').waitFor()

  await panel.getByLabel('New value in bar').fill(String(target))
  await panel.getByRole('button', { name: 'Review…' }).click()
  const dialog = page.getByRole('dialog', { name: `Write ${target} bar to boiler-1 / pressure_setpoint` })
  await dialog.getByText('Within the allowed range').waitFor()
  await shot(page, 'write-desktop-light')
  await dialog.getByRole('button', { name: `Write ${target} bar now` }).click()
  await panel.getByText('Done: the device has taken the value.').waitFor()
  await panel.getByRole('listitem').filter({ hasText: 'done' }).first().waitFor()
  await until('the set point as read back', async () => Math.abs((await numberOf(page, 'pressure_setpoint')) - target) < 0.05)
  await until(
    'the pressure to go half the way',
    async () => Math.abs((await numberOf(page, 'drum_pressure')) - target) < Math.abs(earlier - target) / 2,
    90_000,
  )
  await shot(page, 'written-desktop-light')

  await panel.getByRole('button', { name: 'Read now' }).click()
  await panel.getByText('Read from the device at').waitFor()
  await panel.getByRole('slider').focus()
  await page.keyboard.press('Home')
  await panel.getByRole('radio', { name: '1 h' }).click()
  await until('the span in the address', () => page.url().includes('span=1h'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('broken YAML is found at its line', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(`${base}/config`)
  await editor(page).waitFor()
  const line = (await runningText(page)).split('\n').findIndex((each) => /(^|\W)interval:/.test(each)) + 1
  assert.notEqual(line, 0, 'the configuration has an interval')
  await replaceInEditor(page, 'interval:', 'intervall:')
  const finding = page.getByRole('button', { name: new RegExp(`error in line ${line}(?!\\d)`) }).first()
  await finding.waitFor()
  await page.getByText('Mend').first().waitFor()
  await shot(page, 'finding-desktop-light')
  await finding.click()
  await until('the cursor in the editor', () => editor(page).evaluate((element) => element.getRootNode().activeElement === element))
  await replaceInEditor(page, 'intervall:', 'interval:')
  await until('no more errors', async () => (await finding.count()) === 0)
  await page.getByText('Nothing is changed yet.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('an interval is changed, reviewed, applied, and rolled back', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(`${base}/config`)
  await editor(page).waitFor()
  const text = await runningText(page)
  const [old, value] = /(?<=\W)interval:\s*(\d+(?:ms|s|m|h))\b/.exec(text) ?? []
  const fresh = value === '2s' ? 'interval: 3s' : 'interval: 2s'
  await replaceInEditor(page, old, fresh)
  await page.getByRole('button', { name: 'Review changes' }).and(page.locator(':not([aria-disabled])')).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('What happens to the devices').waitFor()
  await dialog.getByText(/keeps? polling undisturbed/).waitFor()
  await dialog.getByText('interval').first().waitFor()
  await shot(page, 'review-desktop-light')
  const comment = `slower, ${Date.now()}`
  await dialog.getByLabel('Comment').fill(comment)
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText(/^Revision \d+ is running$/).waitFor()
  assert.ok((await runningText(page)).includes(fresh))

  await page.getByRole('link', { name: 'All revisions' }).click()
  const applied = page.getByRole('row').filter({ hasText: comment })
  await applied.getByText('running').waitFor()
  const number = Number((await applied.getByRole('link').textContent()).replace(/\D/g, ''))

  await page.getByRole('link', { name: `Revision ${number - 1}`, exact: true }).click()
  await page.getByRole('region', { name: 'Difference to the running configuration' }).getByText(old).waitFor()
  await page.getByRole('button', { name: 'Roll back to this…' }).click()
  const rollback = page.getByRole('dialog', { name: `Roll back to revision ${number - 1}` })
  await rollback.getByText(/keeps? polling undisturbed/).waitFor()
  await rollback.getByRole('button', { name: 'Roll back now' }).click()
  await page.getByRole('row').filter({ hasText: `back to revision ${number - 1}` }).first().getByText('running').waitFor()
  assert.equal(await runningText(page), text)
  assert.deepEqual(problems, [])
  await context.close()
})

test('the reference says what each driver takes', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(`${base}/config`)
  await page.getByRole('button', { name: 'Reference' }).click()
  const drawer = page.getByRole('dialog', { name: 'Reference' })
  await drawer.getByLabel('Driver or sink').selectOption({ label: 'modbus-tcp' })
  await drawer.getByRole('heading', { name: 'Addresses' }).waitFor()
  await page.keyboard.press('Escape')
  await until('the drawer to close', async () => (await drawer.count()) === 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a lost stream is told, and comes back', async () => {
  const { page, context } = await newPage(browser, { state })
  await page.route('**/api/v1/live*', (route) => route.abort())
  await page.goto(`${base}/devices/boiler-1`)
  await page.getByText('reconnecting… values as of').waitFor()
  await page.unroute('**/api/v1/live*')
  await page.getByText('live', { exact: true }).waitFor()
  await context.close()
})

test('a user is added, and a viewer is told why not', async () => {
  const { page, context, problems } = await newPage(browser, { state })
  await page.goto(`${base}/settings`)
  await page.getByRole('link', { name: 'Users' }).click()
  await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor()
  const name = `otto-${Date.now()}`
  await page.getByRole('button', { name: 'Add user' }).click()
  const dialog = page.getByRole('dialog', { name: 'Add a user' })
  await dialog.getByLabel('User name').fill(name)
  await dialog.getByRole('textbox', { name: 'Password' }).fill('night shift phone')
  await dialog.getByRole('button', { name: 'Add user' }).click()
  await page.getByRole('row').filter({ hasText: name }).waitFor()
  assert.deepEqual(problems, [])

  const other = await newPage(browser)
  await other.page.goto(`${base}/login?next=${encodeURIComponent('/devices/boiler-1?tag=pressure_setpoint')}`)
  await other.page.getByLabel('User name').fill(name)
  await other.page.getByRole('textbox', { name: 'Password' }).fill('night shift phone')
  await other.page.getByRole('button', { name: 'Log in' }).click()
  const panel = other.page.getByRole('complementary', { name: 'Tag pressure_setpoint' })
  await panel.getByText('Writing needs the role operator; you are viewer.').waitFor()
  assert.deepEqual(other.problems, [])
  await other.context.close()

  await page.getByRole('button', { name: `Remove ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: `Remove ${name}` }).click()
  await until('the user to be gone', async () => (await page.getByRole('row').filter({ hasText: name }).count()) === 0)
  await context.close()
})

test('everything can be reached by keyboard', async () => {
  const { page, context, problems } = await newPage(browser)
  await page.goto(`${base}/login`)
  await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.type(admin.username)
  await page.keyboard.press('Tab')
  await page.keyboard.type(admin.password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 2, name: 'Devices' }).waitFor()

  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  const tabTo = async (name) => {
    for (let presses = 0; presses < 80; presses++) {
      if ((await focused()).trim() === name) return
      await page.keyboard.press('Tab')
    }
    assert.fail(`Tab never reached ${name}`)
  }
  await tabTo('Skip to the content')
  await page.keyboard.press('Enter')
  await tabTo('boiler-1')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'boiler-1' }).waitFor()
  await page.getByRole('link', { name: 'drum_pressure', exact: true }).waitFor()
  await tabTo('drum_pressure')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary', { name: 'Tag drum_pressure' }).waitFor()
  // The link has the panel's name: the focus must be in the panel itself, or Escape means nothing.
  await until('the focus in the panel', () => page.evaluate(() => document.activeElement?.closest('aside, [role=complementary]') != null))
  await page.keyboard.press('Escape')
  await until('the panel to close', async () => (await page.getByRole('complementary', { name: 'Tag drum_pressure' }).count()) === 0)
  assert.equal((await focused()).trim(), 'drum_pressure')
  assert.deepEqual(problems, [])
  await context.close()
})

test('an unknown address and an unknown device are told', async () => {
  const { page, context } = await newPage(browser, { state })
  await page.goto(`${base}/no/such/page`)
  await page.getByRole('heading', { level: 1, name: 'There is no such page' }).waitFor()
  await page.goto(`${base}/devices/no-such-device`)
  await page.getByRole('heading', { level: 1, name: 'Not found' }).waitFor()
  await context.close()
})

test('an ended session leads to the login and back', async () => {
  const { page, context } = await newPage(browser, { state })
  await page.goto(`${base}/devices/boiler-2`)
  await page.getByRole('heading', { level: 1, name: 'boiler-2' }).waitFor()
  await context.clearCookies()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  await page.getByLabel('User name').fill(admin.username)
  await page.getByRole('textbox', { name: 'Password' }).fill(admin.password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { level: 1, name: 'boiler-2' }).waitFor()
  await context.close()
})
