// Alarms, against the mock: seen on every page, listed, acknowledged, put aside, and what became of them.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { until } from '../until.mjs'
import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('lena', 'max', 'otto')

beforeEach(async () => {
  await control('scenario/faults')
  await control('alarms')
})

const list = (page) => page.getByRole('region', { name: 'Alarms', exact: true })
const row = (page, text, tag) => list(page).getByRole('row').filter({ hasText: text }).filter({ hasText: tag })
const strip = (page) => page.getByRole('complementary', { name: 'Alarms' })
const texts = async (page) => (await list(page).getByRole('rowheader').allTextContents()).map((each) => each.slice(0, 12))

test('open alarms are listed, the most urgent first, with all that tells what is the matter', async () => {
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  await page.getByText('3 active, 3 not acknowledged, 1 shelved, 1 suppressed, 1 out of service; ').waitFor()
  await row(page, 'Drum pressure', 'boiler-1').waitFor()
  assert.deepEqual(await texts(page), ['Drum pressur', 'Too little o', 'Feed water t', 'Drum pressur', 'Film tornfil'])
  const first = row(page, 'Drum pressure', 'boiler-1')
  for (const said of ['critical', 'raised when above 7.5 bar', /^\d+\.\d+ bar$/, 'good', 'not acknowledged', /^since /, 'Take load off the boiler']) await first.getByText(said).first().waitFor()
  await row(page, 'Too little oxygen', 'boiler-1').getByText('raised 3 times').waitFor()
  await first.getByRole('link', { name: 'boiler-1 / drum_pressure', exact: true }).click()
  await page.getByRole('slider').waitFor()
  await page.goBack()
  await page.getByLabel('State').selectOption('shelved')
  await row(page, 'Infeed full', 'packer-1').getByText(/by lena until .*: Line 1 is being cleaned/).waitFor()
  assert.equal(new URL(page.url()).search, '?state=shelved', 'the filter is in the address')
  await page.getByLabel('State').selectOption('all')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText(/^101 to /).waitFor()
  await page.getByLabel('Filter alarms by text').fill('drum_pressure')
  await until('only that tag', async () => new URL(page.url()).searchParams.get('text') === 'drum_pressure' && (await texts(page)).length === 8)
  await page.getByLabel('Priority').selectOption('critical')
  await page.getByLabel('Device').selectOption('boiler-2')
  await until('only one', async () => (await texts(page)).length === 1)
  await page.getByLabel('Priority').selectOption('high')
  await page.getByText('No alarm matches these filters.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('an alarm is acknowledged with the keyboard alone, with a comment and without', async () => {
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '')
  const tabTo = (what) => until(`the focus on ${what}`, async () => {
    if (what.test(await focused())) return true
    await page.keyboard.press('Tab')
    return what.test(await focused())
  })
  await row(page, 'Drum pressure', 'boiler-1').waitFor()
  await tabTo(/^Acknowledge pressure-high of boiler-1/)
  await page.keyboard.press('Enter')
  await page.getByText('1 alarm is acknowledged.').waitFor()
  await row(page, 'Drum pressure', 'boiler-1').getByText('acknowledged', { exact: true }).waitFor()
  await until('the focus at the same alarm', async () => (await focused()).startsWith('Choose pressure-high of boiler-1'))

  await tabTo(/^Choose oxygen-low/)
  await page.keyboard.press('Space')
  await tabTo(/^Choose water-cold/)
  await page.keyboard.press('Space')
  await page.getByText('2 alarms are chosen.').waitFor()
  await tabTo(/^Acknowledge…$/)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Acknowledge: 2 alarms' })
  await dialog.waitFor()
  await audited(page, 'alarms-acknowledge')
  await tabTo(/^$/)
  await page.keyboard.type('On my way')
  await page.keyboard.press('Enter')
  await page.getByText('2 alarms are acknowledged.').waitFor()
  assert.equal(await dialog.count(), 0)
  await until('the focus to be kept', async () => (await page.evaluate(() => document.activeElement !== document.body)))
  await until('the strip to be gone', async () => (await strip(page).count()) === 0)

  await page.getByRole('link', { name: 'History', exact: true }).click()
  const done = page.getByRole('region', { name: 'History of alarms' }).getByRole('row').filter({ hasText: 'On my way' })
  await until('both in the history', async () => (await done.filter({ hasText: 'lena' }).count()) >= 2)
  assert.deepEqual(problems, [])
  await context.close()
})

test('an alarm is shelved with a comment, and taken back', async () => {
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  await row(page, 'Too little oxygen', 'boiler-1').getByRole('checkbox').check()
  await page.getByRole('button', { name: 'Shelve…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Shelve: 1 alarm' })
  await dialog.getByRole('radio', { name: '8 h' }).check()
  await dialog.getByText(/^Nobody hears of it until /).waitFor()
  await dialog.getByLabel('Comment').fill('ü'.repeat(600))
  await dialog.getByText(/^Shorten it/).waitFor()
  await dialog.getByLabel('Comment').fill('Probe is being replaced')
  await audited(page, 'alarms-shelve')
  await dialog.getByRole('button', { name: 'Shelve', exact: true }).click()
  await page.getByText('1 alarm is shelved.').waitFor()
  await until('it to leave the open ones', async () => (await row(page, 'Too little oxygen', 'boiler-1').count()) === 0)
  await page.getByLabel('State').selectOption('shelved')
  const shelved = row(page, 'Too little oxygen', 'boiler-1')
  await shelved.getByText(/by lena until .*: Probe is being replaced/).waitFor()
  await shelved.getByText('the condition is met').waitFor()
  await shelved.getByRole('checkbox').check()
  await page.getByRole('button', { name: 'Unshelve', exact: true }).click()
  await page.getByText('1 alarm is no longer shelved.').waitFor()
  await page.getByLabel('State').selectOption('latched')
  await row(page, 'Film torn', 'packer-1').getByRole('button', { name: /^Reset/ }).click()
  await page.getByText('1 alarm is reset.').waitFor()
  await page.getByLabel('State').selectOption('out_of_service')
  const repaired = row(page, 'Sealing jaw', 'packer-2')
  await repaired.getByRole('checkbox').check()
  assert.equal(await page.getByRole('button', { name: /^Shelve/ }).count(), 0, 'only what the state allows is offered')
  await page.getByRole('group', { name: 'What to do' }).getByRole('button', { name: 'Return to service' }).click()
  await page.getByText('1 alarm is back in service.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('what is refused is shown alarm by alarm, and what was done stands', async () => {
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  await list(page).getByRole('checkbox', { name: 'Choose all of this page' }).first().check()
  await page.getByText('5 alarms are chosen.').waitFor()
  await page.getByRole('button', { name: 'Acknowledge 3 of 5…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Acknowledge: 3 alarms' })
  await dialog.getByLabel('Comment').fill('too late')
  await dialog.getByRole('button', { name: 'Acknowledge', exact: true }).click()
  const refused = page.getByRole('alert').filter({ hasText: '1 alarm stays as it is' })
  await refused.getByText('pressure-high of boiler-1 / drum_pressure').waitFor()
  await refused.getByText('there is nothing to acknowledge').waitFor()
  await page.getByText('2 alarms are acknowledged. 1 alarm is chosen.').waitFor()
  await audited(page, 'alarms-refused')
  await refused.getByRole('button', { name: 'Close' }).click()
  assert.equal(await refused.count(), 0)
  await row(page, 'Feed water', 'boiler-2').waitFor({ state: 'detached' })
  assert.deepEqual(problems, [])
  await context.close()
})

test('who may only look sees no buttons, and is told why', async () => {
  const { page, context, problems } = await visit('otto')
  await page.goto(`${base}/alarms`)
  await row(page, 'Drum pressure', 'boiler-1').waitFor()
  await page.getByText('Acknowledging and shelving needs the role operator; you are viewer.').waitFor()
  assert.equal(await page.getByRole('checkbox').count(), 0)
  assert.equal(await list(page).getByRole('button').count(), 0)
  await audited(page, 'alarms-viewer')
  assert.deepEqual(problems, [])
  await context.close()
})

test('empty pages say what to do first', async () => {
  await control('scenario/healthy')
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  await page.getByRole('heading', { name: 'No alarm is open' }).waitFor()
  await page.getByText(/^\d+ alarms are watched\. New ones show up here by themselves\.$/).waitFor()
  assert.equal(await strip(page).count(), 0)
  await audited(page, 'alarms-none-open')
  await page.getByRole('link', { name: 'See all alarms that are watched' }).click()
  await page.getByText(/^1 to 100 of /).waitFor()
  await context.close()
  const engineer = await visit('max')
  await control('scenario/empty')
  await engineer.page.goto(`${base}/alarms`)
  await engineer.page.getByRole('heading', { name: 'No alarm is configured yet' }).waitFor()
  await audited(engineer.page, 'alarms-not-configured')
  await engineer.page.goto(`${base}/alarms/history`)
  await engineer.page.getByText('Nothing has happened yet.').waitFor()
  await engineer.page.getByRole('link', { name: 'Add the first alarm' }).click()
  await engineer.page.getByRole('heading', { name: 'New alarm', level: 1 }).waitFor()
  assert.deepEqual([...problems, ...engineer.problems], [])
  await engineer.context.close()
})

test('the strip is on every page, says a change once, and moves nothing', async () => {
  await control('scenario/healthy')
  const { page, context, problems } = await visit('lena', { size: phone, touch: true })
  await page.goto(`${base}/trends`)
  const head = page.getByRole('heading', { level: 1 })
  await head.waitFor()
  const place = await head.boundingBox()
  await page.evaluate(() => {
    window.said = []
    for (const each of document.querySelectorAll('[role=status]')) new MutationObserver(() => window.said.push(each.textContent)).observe(each, { subtree: true, childList: true, characterData: true })
  })
  await control('scenario/faults')
  await strip(page).getByText('3 alarms not acknowledged').waitFor()
  await strip(page).getByText('critical').waitFor()
  assert.deepEqual(await head.boundingBox(), place)
  const polls = []
  page.on('response', (response) => response.url().includes('/alarms') && polls.push(response.url()))
  await strip(page).getByRole('link').click()
  await row(page, 'Drum pressure', 'boiler-1').waitFor()
  await until('three polls', () => polls.length >= 3)
  const said = await page.evaluate(() => window.said.filter((each) => each.includes('not acknowledged')))
  assert.equal(said.length, 1, 'said once')
  await page.getByRole('link', { name: /^Alarms ?3 not acknowledged$/ }).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('older changes come on demand, also those of one alarm', async () => {
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms/history`)
  const rows = page.getByRole('region', { name: 'History of alarms' }).getByRole('row')
  await until('a page of changes', async () => (await rows.count()) === 101)
  await page.getByRole('button', { name: 'Older changes' }).click()
  await until('all changes', async () => (await rows.count()) === 131)
  await page.getByLabel('Kind of change').selectOption('cleared')
  await page.getByText('while it was put aside').first().waitFor()
  await page.goto(`${base}/alarms`)
  await page.getByRole('link', { name: 'History of oxygen-low of boiler-1, flue_gas_oxygen' }).click()
  await until('only those of one', async () => (await rows.count()) > 1 && (await rows.filter({ hasText: 'oxygen-low' }).count()) === (await rows.count()) - 1)
  await page.getByRole('button', { name: /alarm oxygen-low$/ }).click()
  assert.equal(new URL(page.url()).searchParams.get('alarm'), null)
  assert.deepEqual(problems, [])
  await context.close()
})

const pages = [
  ['alarms', '/alarms', (page) => row(page, 'Drum pressure', 'boiler-1').waitFor()],
  ['alarms-all', '/alarms?state=all', (page) => page.getByText(/^1 to 100 of /).waitFor()],
  ['alarms-chosen', '/alarms', async (page) => {
    await row(page, 'Too little oxygen', 'boiler-1').getByRole('checkbox').check()
    await row(page, 'Film torn', 'packer-1').getByRole('checkbox').check()
  }],
  ['alarms-history', '/alarms/history', (page) => page.getByRole('button', { name: 'Older changes' }).waitFor()],
  ['alarms-strip', '/', (page) => strip(page).waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }], ['tablet', { width: 700, height: 900 }]]) {
  for (const scheme of width === 'small' || width === 'tablet' ? ['light'] : ['light', 'dark']) {
    test(`alarms at ${size.width} px, ${scheme}`, async () => {
      const { page, context, problems } = await visit('lena', { size, scheme, touch: width !== 'desktop' })
      for (const [name, path, ready] of pages) {
        await page.goto(base + path)
        await ready(page)
        await audited(page, `${name}-${width}-${scheme}`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
