// What is kept, on a real edge: trends and their exports, SQL, storage and the ledger, against what the API says.
//
// The demo's devices have a day of history from before the edge first ran: a sample every ten seconds.
// TAGWERK_PLANT_CONTROL  where the plant takes faults
// TAGWERK_VENV           Python with DuckDB, which reads Parquet
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { faintTexts, nameless, sideways } from './audit.mjs'
import { base, desktop, phone, shot, signedIn } from './browser.mjs'
import { until } from './until.mjs'

const plantControl = process.env.TAGWERK_PLANT_CONTROL
const python = `${process.env.TAGWERK_VENV ?? '../.venv'}/bin/python`

const visit = signedIn()

async function audited(page, name) {
  await shot(page, name)
  assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
  assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
}

const hour = 3_600_000
const iso = (time) => new Date(time).toISOString()
const get = async (page, path) => (await page.request.get(`${base}/api/v1${path}`)).json()
const address = (page) => new URL(page.url()).searchParams
const shown = (page) => Date.parse(address(page).get('to')) - Date.parse(address(page).get('from'))
const plot = (page) => page.getByRole('slider', { name: /^Trend of/ })
const row = (page, tag) => page.getByRole('row').filter({ has: page.getByRole('link', { name: tag, exact: true }) })
const settled = (page) => page.getByText(/^(Thinned;|Every sample of this range)/).waitFor()
const region = (page, name) => page.getByRole('region', { name, exact: true })
const digits = (text) => Number(text.replaceAll(/\D/g, ''))

/** Dots of the canvas on which something is drawn. */
const drawn = (page) =>
  page.evaluate(() => {
    const canvas = document.querySelector('canvas')
    const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    let found = 0
    for (let at = 3; at < dots.length; at += 4) if (dots[at] > 0) found++
    return found
  })

const samplesOf = async (page, device, tag, from, to) =>
  (await get(page, `/devices/${device}/tags/${tag}/samples?from=${iso(from)}&to=${iso(to)}&points=10000`)).samples

test('tags are picked by keyboard and by mouse, with their units, and a day is drawn at once', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/trends?span=24h`)
  const field = page.getByRole('combobox', { name: /^Add a tag/ })
  await field.focus()
  // Faster than the list: Enter takes what is found for what was typed.
  await page.keyboard.type('boiler-1 drum_pressure')
  await page.keyboard.press('Enter')
  await row(page, 'drum_pressure').getByText(/^\d+(\.\d+)? bar$/).first().waitFor()
  await field.fill('boiler-1 steam_temperature')
  await page.getByRole('option', { name: /^steam_temperature/ }).click()
  await field.fill('boiler-1 flame')
  await page.getByRole('option', { name: /^flame boiler-1/ }).click()
  await page.keyboard.press('Escape')
  assert.deepEqual(address(page).getAll('tag'), ['boiler-1/drum_pressure', 'boiler-1/steam_temperature', 'boiler-1/flame'])
  await row(page, 'steam_temperature').getByText(/ °C$/).first().waitFor()
  await settled(page)
  await page.getByText(/^Thinned; lowest and highest are kept/).waitFor()
  assert.ok((await drawn(page)) > 10_000, 'lines are drawn')
  // The first device was away for some minutes of the last day: a change of quality outlasts thinning.
  await row(page, 'drum_pressure').getByText(/^\d+ bad$/).waitFor()
  await audited(page, 'trend-day-desktop-light')
  await page.getByRole('button', { name: 'Remove flame of boiler-1 from the trend' }).click()
  await until('it to be gone', () => address(page).getAll('tag').length === 2)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a day is zoomed down to every sample, moved, and read at the cursor as the API says', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/trends?tag=boiler-2/drum_pressure&tag=boiler-2/burner_starts&span=24h`)
  await page.getByText(/^Thinned; lowest and highest are kept/).waitFor()
  const box = await plot(page).boundingBox()
  const [x, y] = [box.x + box.width * 0.4, box.y + 80]
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + 60, y, { steps: 4 })
  await page.mouse.up()
  await until('a zoom by dragging', () => shown(page) < 4 * hour)
  await page.mouse.wheel(0, -800)
  await until('a zoom by wheel', () => shown(page) < hour)
  await page.getByText('Every sample of this range is shown.').waitFor()
  const earlier = address(page).get('from')
  await page.getByRole('button', { name: 'Earlier' }).click()
  await until('an earlier time', () => address(page).get('from') < earlier)
  await page.getByText('Every sample of this range is shown.').waitFor()
  const [from, to] = ['from', 'to'].map((name) => Date.parse(address(page).get(name)))
  const samples = await samplesOf(page, 'boiler-2', 'drum_pressure', from, to)
  assert.ok(samples.length > 20, `${samples.length} samples in ${(to - from) / 1_000} s`)
  await plot(page).focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  const read = row(page, 'drum_pressure')
  const at = Date.parse(await read.getByRole('time').getAttribute('datetime'))
  const sample = samples.filter((each) => Date.parse(each.time) <= at).at(-1)
  assert.equal(Date.parse(sample.time), at)
  await read.getByText(`${sample.text} bar`).first().waitFor()
  assert.match(await plot(page).getAttribute('aria-valuetext'), new RegExp(`drum_pressure ${sample.text} bar, ${sample.quality}; burner_starts \\d+`))
  await page.getByRole('button', { name: 'Back', exact: true }).click()
  await until('the view before', () => address(page).get('from') === earlier)
  await page.getByRole('button', { name: 'Follow what comes' }).click()
  await page.getByText('live', { exact: true }).waitFor()
  const newest = () => read.getByRole('time').getAttribute('datetime')
  const first = await newest()
  await until('a newer sample at the right edge', async () => (await newest()) !== first)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a file has the rows that the API says, and a refusal says what to do', async () => {
  const { page, context, problems } = await visit()
  const to = Math.floor(Date.now() / 60_000) * 60_000 - hour
  const from = to - 600_000
  await page.goto(`${base}/trends?tag=packer-1/good_count&tag=boiler-2/drum_pressure&from=${iso(from)}&to=${iso(to)}`)
  const [count, pressure] = [await samplesOf(page, 'packer-1', 'good_count', from, to), await samplesOf(page, 'boiler-2', 'drum_pressure', from, to)]
  assert.ok(count.length > 50 && pressure.length > 50, `${count.length} and ${pressure.length} samples`)
  const wanted = [...count.map((each) => ['good_count', each.text, each.quality]), ...pressure.map((each) => ['drum_pressure', each.text, each.quality])].toSorted()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const file = async (name) => {
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name, exact: true }).click()
    return (await download).path()
  }
  const lines = (await readFile(await file('CSV'), 'utf8')).trim().split('\n').map((line) => line.split(','))
  const column = (name) => lines[0].indexOf(name)
  const exact = (line) => line[column('value_u64')] || line[column('value_f64')]
  const rows = lines.slice(1).map((line) => [line[column('tag')], exact(line), line[column('quality')]])
  assert.deepEqual(rows.toSorted(), wanted)
  const query = "SELECT tag, coalesce(value_u64::varchar, value_f64::varchar), quality FROM read_parquet(?) ORDER BY ALL"
  const script = `import duckdb, json, sys; print(json.dumps(duckdb.execute(sys.argv[1], [sys.argv[2]]).fetchall()))`
  const { stdout } = await promisify(execFile)(python, ['-c', script, query, await file('Parquet')])
  const numbers = (all) => all.map(([tag, text, quality]) => [tag, Number(text), quality]).toSorted()
  assert.deepEqual(numbers(JSON.parse(stdout)), numbers(wanted))

  await page.goto(`${base}/storage`)
  await page.getByRole('button', { name: 'Export history' }).click()
  const dialog = page.getByRole('dialog', { name: 'Export history' })
  await dialog.getByLabel('Tags').fill('no-such-device/*')
  await dialog.getByRole('button', { name: 'Download' }).click()
  await dialog.getByText('matches no tag').waitFor()
  await dialog.getByText(/^write .*or a pattern such as/).waitFor()
  await audited(page, 'export-refused-desktop-light')
  assert.deepEqual(problems.filter((problem) => !problem.includes('/history/export')), [])
  await context.close()
})

test('a query runs, is drawn, and is told where it is wrong', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/sql`)
  const editor = page.getByRole('textbox', { name: 'Query in SQL' })
  const result = page.getByRole('region', { name: /\brows?\b/ })
  const write = async (query) => {
    await editor.press('Control+A')
    await page.keyboard.press('Delete')
    await page.keyboard.insertText(query)
    await page.keyboard.press('Control+Enter')
  }
  await editor.waitFor()
  await write("SELECT time_bucket(interval '1 hour', time) AS bucket, avg(value_f64) AS mean, count(*) AS n FROM samples WHERE device = 'boiler-2' AND tag = 'drum_pressure' GROUP BY bucket ORDER BY bucket")
  await result.getByRole('heading', { name: /^2\d rows in/ }).waitFor()
  await audited(page, 'sql-real-desktop-light')
  await page.getByRole('radio', { name: 'Chart' }).check()
  await plot(page).focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  assert.match(await plot(page).getAttribute('aria-valuetext'), /mean \d.*; n \d/)

  await write('SELECT nothing_like_it FROM samples')
  await page.getByRole('button', { name: 'Go to line 1, column 8' }).waitFor()
  await page.getByText(/mend the statement/i).first().waitFor()
  await write('DROP TABLE samples')
  await page.getByText(/DROP is not allowed/).first().waitFor()
  await page.getByText(/history is read only/).first().waitFor()

  await page.getByLabel('Filter tables, columns and functions').fill('drum_pressure')
  await page.getByRole('button', { name: /^Insert drum_pressure of / }).first().waitFor()
  await page.getByLabel('Filter tables, columns and functions').fill('ledger')
  await page.getByRole('button', { name: /^Insert .* of ledger$/ }).first().waitFor()
  await write('SELECT count(*) FROM samples a CROSS JOIN samples b WHERE a.value_f64 * b.value_f64 > 1e99')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText(/^Cancelled after /).waitFor()
  assert.deepEqual(problems.filter((problem) => !/42[02]|403/.test(problem)), [])
  await context.close()
})

test('storage says how much, of which tags, and for how long', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/storage`)
  const history = region(page, 'History')
  const fact = (name) => history.locator('dt', { hasText: name }).locator('xpath=following-sibling::dd[1]').textContent()
  await history.getByRole('meter', { name: 'History' }).waitFor()
  await until('bytes per sample', async () => /^\d+\.\d\d$/.test(await fact('Bytes per sample')))
  assert.match(await fact('Lasts for'), /years|days/)
  const { history: said } = await get(page, '/storage')
  assert.ok(said.samples > 500_000, `${said.samples} samples of the day before`)
  const tags = region(page, 'Tags by size')
  await page.getByLabel('Filter tags by device or name').fill('boiler-2/drum_pressure')
  await tags.getByText('1 match', { exact: true }).waitFor()
  const size = (await get(page, '/storage/tags?filter=boiler-2%2Fdrum_pressure')).items[0]
  const cells = await row(page, 'drum_pressure').getByRole('cell').allTextContents()
  assert.equal(cells[2], size.bytes_per_sample.toFixed(2))
  assert.ok(digits(cells[1]) > 8_000, `${cells[1]} samples in a day at ten seconds`)
  await audited(page, 'storage-real-desktop-light')
  assert.deepEqual(problems, [])
  await context.close()
})

test('the ledger says what is missing while the plant is cut, since when and why, and when it is mended', async () => {
  const fault = (kind) => fetch(`${plantControl}/fault`, { method: 'POST', body: JSON.stringify({ unit: 3, kind, seconds: 300 }) }).then((answer) => assert.equal(answer.status, 200))
  const { page, context, problems } = await visit()
  await page.goto(`${base}/ledger?device=packer-1`)
  const verdict = page.getByRole('heading', { level: 2, name: /samples? .* in the last hour|Nothing is missing in the last hour/ })
  await verdict.waitFor()
  await page.getByText(/samples expected, .* stored/).waitFor()
  const wrong = region(page, 'What went wrong')
  const open = wrong.getByRole('row').filter({ hasText: 'still going on' })
  await fault('silent')
  try {
    await open.first().waitFor({ timeout: 60_000 })
    await open.first().getByText('the device does not answer').waitFor()
    await open.first().getByText(/^the edge asks the device again/).waitFor()
    await open.first().getByRole('link', { name: 'packer-1' }).waitFor()
    await page.getByText('Something is missing, and it goes on.').waitFor({ state: 'attached' })
    await audited(page, 'ledger-cut-desktop-light')
  } finally {
    await fault('none')
  }
  await until('it to be over', async () => (await open.count()) === 0, 60_000)
  await wrong.getByRole('row').filter({ hasText: ', over' }).first().waitFor()
  const balance = region(page, 'Balance').getByRole('definition')
  const [expected, ...rest] = (await balance.allTextContents()).map(digits)
  assert.equal(rest.reduce((sum, each) => sum + each, 0), expected)
  assert.deepEqual(problems, [])
  await context.close()
})

const pages = [
  ['trend-day', '/trends?tag=boiler-1/drum_pressure&tag=boiler-1/steam_temperature&tag=boiler-1/flame&tag=packer-1/actual_speed&span=24h', settled],
  ['trend-picker', '/trends', async (page) => {
    await page.getByRole('combobox', { name: /^Add a tag/ }).click()
    await page.getByRole('option').first().waitFor()
  }],
  ['storage-real', '/storage', (page) => region(page, 'Tags by size').getByRole('row').nth(3).waitFor()],
  ['ledger-real', '/ledger', (page) => page.getByText(/samples expected, .* stored/).waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone]]) {
  for (const scheme of ['light', 'dark']) {
    test(`what is kept of the plant at ${size.width} px, ${scheme}`, async () => {
      const { page, context, problems } = await visit({ size, scheme, touch: width === 'phone' })
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
