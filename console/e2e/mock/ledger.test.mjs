// What is missing, against the mock: the ledger, dead letters, and history as files.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { beforeEach, test } from 'node:test'

import { until } from '../until.mjs'
import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('max', 'otto')
const scenario = (name) => control(`scenario/${name}`)

beforeEach(async () => {
  await scenario('healthy')
  await fetch(`${base}/mock/letters`)
})

const address = (page) => new URL(page.url()).searchParams
const verdict = (page) => page.getByRole('region').filter({ has: page.getByRole('heading', { level: 2, name: /samples? .* (in|from) / }) }).first()
const plot = (page) => page.getByRole('slider', { name: 'Ledger: time' })
const region = (page, name) => page.getByRole('region', { name, exact: true })
const digits = (text) => Number(text.replaceAll(/\D/g, ''))

test('what is missing shows without asking, with where, since when, why and what is being done', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/ledger?device=packer-2`)
  await page.getByRole('heading', { name: 'Nothing is missing in the last hour.' }).waitFor()
  await region(page, 'What went wrong').getByText('Nothing in this time.').waitFor()
  await page.getByText(/samples expected, .* stored, .* delivered to/).waitFor()
  await scenario('faults')
  await page.getByRole('heading', { name: /^\d.* samples were not read.* in the last hour\.$/ }).waitFor()
  const wrong = region(page, 'What went wrong')
  const row = wrong.getByRole('row').filter({ hasText: 'group fast' })
  await row.getByText(/^1[23] min .*still going on/).waitFor()
  await row.getByText(/connection refused/).waitFor()
  await row.getByText('keeps trying every 8 s').waitFor()
  const samples = async () => digits(await row.getByRole('cell').nth(1).textContent())
  const first = await samples()
  await until('more of them, without a reload', async () => (await samples()) > first)
  await page.getByLabel('Device', { exact: true }).selectOption('')
  const cloud = region(page, 'Sinks').getByRole('row').filter({ hasText: 'cloud' })
  await cloud.getByText('retrying', { exact: true }).waitFor()
  await cloud.getByText('kept in the journal').waitFor()
  await wrong.getByRole('row').filter({ hasText: 'group fast' }).getByRole('link', { name: 'packer-2' }).click()
  await page.getByRole('heading', { level: 1, name: 'packer-2' }).waitFor()
  await page.goBack()
  await cloud.getByRole('link', { name: 'cloud' }).click()
  await until('the sinks of the overview in view', async () => (await region(page, 'Sinks').boundingBox())?.y < desktop.height)
  assert.equal(new URL(page.url()).pathname, '/')
  assert.deepEqual(problems, [])
  await context.close()
})

test('the sums that are shown balance', async () => {
  const { page, context, problems } = await visit('max')
  await scenario('faults')
  await page.goto(`${base}/ledger?span=7d`)
  const terms = region(page, 'Balance').getByRole('definition')
  await terms.first().waitFor()
  const [expected, ...rest] = (await terms.allTextContents()).map(digits)
  assert.equal(rest.length, 5)
  assert.equal(rest.reduce((sum, each) => sum + each, 0), expected)
  assert.ok(rest[4] > 0)
  for (const sink of ['cloud', 'mes']) {
    const cells = await region(page, 'Sinks').getByRole('row').filter({ hasText: sink }).getByRole('cell').evaluateAll((all) => all.slice(0, 5).map((each) => each.firstChild?.textContent ?? ''))
    const [all, ...ways] = cells.map(digits)
    assert.equal(ways.reduce((sum, each) => sum + each, 0), all, `${sink}: ${cells.join(' | ')}`)
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('the range, the device and the sink are in the address, and a stretch can be looked at closer', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/ledger`)
  await page.getByRole('radio', { name: '7 d' }).click()
  await until('a week in the address', () => address(page).get('span') === '7d')
  await page.getByRole('heading', { name: /in the last 7 days/ }).waitFor()
  await page.getByLabel('Device', { exact: true }).selectOption('boiler-1')
  await until('a device in the address', () => address(page).get('device') === 'boiler-1')
  await until('only its groups', async () => (await region(page, 'Groups').getByRole('row').count()) === 3)
  await page.getByLabel(/^On the way to/).selectOption('mes')
  await until('a sink in the address', () => address(page).get('sink') === 'mes')
  const open = page.url()
  await page.reload()
  await page.getByRole('heading', { name: /in the last 7 days/ }).waitFor()
  assert.equal(page.url(), open)
  assert.equal(await page.getByLabel(/^On the way to/).inputValue(), 'mes')
  await region(page, 'What went wrong').getByRole('link', { name: /^Look closer at/ }).first().click()
  await page.getByRole('heading', { name: /not read from .* to/ }).waitFor()
  const span = Date.parse(address(page).get('to')) - Date.parse(address(page).get('from'))
  assert.ok(span < 3_600_000 * 2, `${span} ms`)
  assert.equal(address(page).get('device'), 'boiler-1')
  await page.goBack()
  await page.getByRole('heading', { name: /in the last 7 days/ }).waitFor()
  await page.getByRole('button', { name: 'Own range…' }).click()
  await page.getByLabel('From', { exact: true }).fill('2019-01-05T10:00:00')
  await page.getByLabel('To', { exact: true }).fill('2019-01-05T11:00:00')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.getByRole('heading', { name: /^Nothing was expected from/ }).waitFor()
  await page.getByText(/^The ledger begins at/).waitFor()
  await page.getByText('The ledger is on its way.').or(page.getByText('There is no interval to export.')).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a column is read by keys and by touch, as a table, and as a file', async () => {
  const { page, context, problems } = await visit('max', { size: phone, touch: true })
  await page.goto(`${base}/ledger?span=24h&sink=cloud`)
  await plot(page).focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  const value = () => plot(page).getAttribute('aria-valuetext')
  assert.match(await value(), /^.* to .*: \d.* expected, \d.* good.*; cloud: \d.* delivered/)
  const second = await value()
  await page.keyboard.press('ArrowRight')
  assert.notEqual(await value(), second)
  await page.keyboard.press('Escape')
  assert.equal(await value(), 'no column is read')
  await plot(page).scrollIntoViewIfNeeded()
  const box = await plot(page).boundingBox()
  await page.touchscreen.tap(box.x + box.width / 2, box.y + 60)
  await until('what the finger is on', async () => (await value()).includes('expected'))
  assert.ok(await page.evaluate(() => {
    const canvas = document.querySelector('canvas')
    const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    let found = 0
    for (let at = 3; at < dots.length; at += 4) if (dots[at] > 0) found++
    return found > dots.length / 4 / 4
  }), 'columns are drawn')
  await page.getByText('As a table').click()
  await until('a row an interval', async () => (await region(page, 'Intervals').getByRole('row').count()) > 90)
  await audited(page, 'ledger-table-phone')
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export CSV' }).click()
  const file = await download
  assert.match(file.suggestedFilename(), /^ledger-.*Z\.csv$/)
  const [head, first, ...rest] = (await readFile(await file.path(), 'utf8')).trim().split('\r\n')
  assert.equal(head, 'time,seconds,expected,good,suppressed,uncertain,bad,missed,cloud delivered,cloud pending,cloud rejected,cloud lost,mes delivered,mes pending,mes rejected,mes lost')
  assert.ok(rest.length > 90)
  const figures = first.split(',').slice(2, 8).map(Number)
  assert.equal(figures.slice(1).reduce((sum, each) => sum + each, 0), figures[0])
  assert.deepEqual(problems, [])
  await context.close()
})

test('an answer that fails is told, with what to do, and asked for again', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/ledger`)
  await verdict(page).waitFor()
  await page.route('**/api/v1/ledger?*', (route) => route.fulfill({ status: 503, json: { error: { code: 'unavailable', message: 'The ledger of 7 days: the journal is being read.', remedy: 'Try again in a minute.' } } }))
  await page.getByRole('radio', { name: '7 d' }).click()
  await page.getByText('The ledger of 7 days: the journal is being read.').waitFor()
  await page.getByText('Try again in a minute.').waitFor()
  await page.unroute('**/api/v1/ledger?*')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: /in the last 7 days/ }).waitFor()
  await scenario('empty')
  await page.goto(`${base}/ledger`)
  await page.getByRole('heading', { name: 'Nothing is in the ledger yet' }).waitFor()
  await page.getByRole('main').getByRole('link', { name: 'Add a device' }).waitFor()
  assert.deepEqual(problems.filter((problem) => !problem.includes('503')), [])
  await context.close()
})

test('the overview leads to the ledger when something is missing, and to the dead letters', async () => {
  const { page, context, problems } = await visit('max')
  await scenario('faults')
  await page.goto(base)
  await page.getByRole('link', { name: /^See the ledger/ }).click()
  await page.getByRole('heading', { level: 1, name: 'Ledger' }).waitFor()
  await region(page, 'Sinks').getByRole('link', { name: /refused by mes/ }).click()
  await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor()
  assert.equal(address(page).get('sink'), 'mes')
  await page.goto(base)
  await page.getByRole('link', { name: /rejected$/ }).click()
  await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('dead letters are chosen, retried, and given up with the number of samples', async () => {
  const { page, context, problems } = await visit('max')
  await scenario('faults')
  await page.goto(`${base}/sinks/dead-letters?sink=mes`)
  await page.getByText('1 to 25 of 61').waitFor()
  await page.getByText('Choose dead letters first.').first().waitFor()
  const rows = page.getByRole('row').filter({ hasText: 'HTTP 4' })
  const box = (index) => rows.nth(index).getByRole('checkbox')
  await box(0).focus()
  await page.keyboard.press('Space')
  await box(1).check()
  await page.getByText('2 dead letters are chosen.').waitFor()
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('2 dead letters are on the way once more.').waitFor()
  await page.getByText('1 to 25 of 59').waitFor()

  await page.getByRole('checkbox', { name: 'Choose all of this page' }).check()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('26 to 50 of 59').waitFor()
  await box(0).check()
  await page.getByText('26 dead letters are chosen.').waitFor()
  await page.getByRole('button', { name: 'Choose none' }).click()
  await page.getByRole('button', { name: 'Next' }).click()
  const late = rows.filter({ hasText: 'can only be discarded' })
  await late.getByRole('checkbox').check()
  await page.getByText('The journal holds their samples no longer').first().waitFor()
  const samples = digits(await late.getByRole('cell').nth(3).textContent())
  await page.getByRole('button', { name: 'Discard…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Discard 1 dead letter' })
  await dialog.getByText('will never be delivered to mes').waitFor()
  const give = dialog.getByRole('button', { name: /^Give up \d/ })
  await give.waitFor()
  assert.equal(digits(await give.textContent()), samples)
  await audited(page, 'letters-discard')
  await give.click()
  await page.getByText('1 dead letter is given up.').waitFor()

  await page.getByRole('button', { name: 'Choose all 58 of mes' }).click()
  await page.getByText('All 58 dead letters of mes are chosen.').waitFor()
  await page.getByRole('button', { name: 'Discard…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Keep' }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const lines = (await readFile(await (await download).path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  assert.equal(lines.length, 58)
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('58 dead letters are on the way once more.').waitFor()
  await page.getByText('This page is empty by now').or(page.getByText('mes has refused nothing that still waits')).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('who may not decide about dead letters is told so', async () => {
  const { page, context, problems } = await visit('otto')
  await page.goto(`${base}/sinks/dead-letters`)
  await page.getByRole('row').filter({ hasText: 'HTTP 4' }).first().getByRole('checkbox').check()
  await page.getByText('Delivering them again needs the role engineer; you are viewer.').waitFor()
  await page.getByText('Giving them up needs the role engineer; you are viewer.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('every sample of a trend, and of a pattern of tags, goes into a file', async () => {
  const { page, context, problems } = await visit('max')
  const to = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000
  const times = `from=${new Date(to - 600_000).toISOString()}&to=${new Date(to).toISOString()}`
  await page.goto(`${base}/trends?tag=boiler-1/drum_pressure&tag=boiler-1/burner_on&${times}`)
  await page.getByText('Every sample of this range is shown.').waitFor()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  for (const [name, file] of [['CSV', 'samples.csv'], ['Parquet', 'samples.parquet']]) {
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name, exact: true }).click()
    assert.equal((await download).suggestedFilename(), file)
    const asked = new URL((await download).url()).searchParams
    assert.deepEqual(asked.getAll('tag'), ['boiler-1.drum_pressure', 'boiler-1.burner_on'])
    assert.deepEqual([asked.get('from'), asked.get('to')], [to - 600_000, to].map((time) => new Date(time).toISOString()))
    if (name === 'CSV') assert.match(await readFile(await (await download).path(), 'utf8'), /,boiler-1,burner_on,true,good\n/)
  }
  await page.keyboard.press('Escape')
  await until('it to close', async () => (await page.getByRole('button', { name: 'Parquet' }).count()) === 0)

  await page.goto(`${base}/storage`)
  await page.getByRole('button', { name: 'Export history' }).click()
  const dialog = page.getByRole('dialog', { name: 'Export history' })
  await dialog.getByLabel('Tags').fill('boiler')
  await dialog.getByText(/^boiler is no pattern/).waitFor()
  await dialog.getByText('Mend the tags first.').waitFor()
  await dialog.getByLabel('Tags').fill('boiler-2/*, */recipe')
  await dialog.getByRole('radio', { name: 'Own range' }).check()
  await dialog.getByText('Enter a day and a time in both fields.').waitFor()
  await audited(page, 'storage-export')
  await dialog.getByRole('radio', { name: 'Last 24 h' }).check()
  await dialog.getByRole('radio', { name: 'CSV' }).check()
  const download = page.waitForEvent('download')
  await dialog.getByRole('button', { name: 'Download' }).click()
  const asked = new URL((await download).url()).searchParams
  assert.deepEqual([asked.get('format'), ...asked.getAll('tag')], ['csv', 'boiler-2/*', '*/recipe'])
  const text = await readFile(await (await download).path(), 'utf8')
  assert.ok(text.includes(',boiler-2,drum_pressure,') && text.includes(',packer-1,recipe,') && !text.includes('boiler-1'))
  await dialog.getByLabel('Tags').fill('boiler-7/*')
  await dialog.getByRole('button', { name: 'Download' }).click()
  await dialog.getByText('no tag matches boiler-7/*').waitFor()
  await dialog.getByText('Look at the names under Storage.').waitFor()
  await audited(page, 'storage-export-refused')
  assert.deepEqual(problems.filter((problem) => !problem.includes('404')), [])
  await context.close()
})

const pages = [
  ['ledger', 'healthy', '/ledger', (page) => verdict(page).waitFor()],
  ['ledger-week', 'healthy', '/ledger?span=7d', (page) => verdict(page).waitFor()],
  ['ledger-faults', 'faults', '/ledger', (page) => verdict(page).waitFor()],
  ['dead-letters', 'faults', '/sinks/dead-letters', (page) => page.getByRole('region', { name: 'Dead letters' }).getByText(/HTTP 4|refused nothing/).first().waitFor()],
  ['overview', 'faults', '/', (page) => page.getByRole('link', { name: /^See the ledger/ }).waitFor()],
  ['storage', 'healthy', '/storage', async (page) => page.getByRole('button', { name: 'Export history' }).click()],
  ['trend-export', 'healthy', '/trends?tag=boiler-1/drum_pressure', async (page) => page.getByRole('button', { name: 'Export', exact: true }).click()],
  ['own-range', 'healthy', '/ledger', async (page) => page.getByRole('button', { name: 'Own range…' }).click()],
  ['ledger-empty', 'empty', '/ledger', (page) => page.getByRole('heading', { name: 'Nothing is in the ledger yet' }).waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }], ['tablet', { width: 700, height: 900 }]]) {
  for (const scheme of width === 'small' || width === 'tablet' ? ['light'] : ['light', 'dark']) {
    test(`what is missing at ${size.width} px, ${scheme}`, async () => {
      const { page, context, problems } = await visit('max', { size, scheme, touch: width !== 'desktop' })
      for (const [name, which, path, ready] of pages) {
        await scenario(which)
        await page.goto(base + path)
        await ready(page)
        await audited(page, `${name}-${width}-${scheme}`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
