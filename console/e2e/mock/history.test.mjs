// What is kept, against the mock: trends down to every sample, SQL with its errors, storage and what to do about it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, test } from 'node:test'

import { faintTexts, nameless, sideways } from '../audit.mjs'
import { putOffLonger } from '../late.mjs'
import { until } from '../until.mjs'
import { startMock } from './start.mjs'

const mock = await startMock()
const { base, desktop, phone, shot, signedIn } = await import('../browser.mjs')

const visit = signedIn()
after(() => mock.stop())

async function audited(page, name) {
  await shot(page, name)
  assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
  assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
}

const picked = '/trends?tag=boiler-1/drum_pressure&tag=boiler-1/flue_gas_temperature&tag=boiler-1/burner_on&tag=packer-1/recipe'
const plot = (page) => page.getByRole('slider', { name: /^Trend of/ })
const row = (page, tag) => page.getByRole('row').filter({ has: page.getByRole('link', { name: tag, exact: true }) })
const settled = (page) => page.getByText(/^(Thinned;|Every sample of this range)/).waitFor()
const address = (page) => new URL(page.url()).searchParams

/** How much time is shown, by the address. */
const shown = (page) => Date.parse(address(page).get('to')) - Date.parse(address(page).get('from'))

/** Dots of the canvas that are not as bare as the first one. */
const drawn = (page) =>
  page.evaluate(() => {
    const canvas = document.querySelector('canvas')
    const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    let found = 0
    for (let at = 3; at < dots.length; at += 4) if (dots[at] > 0) found++
    return found
  })

test('tags are picked by keyboard, and what comes next shows without asking', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/trends`)
  await page.getByRole('heading', { name: 'No tag is picked yet' }).waitFor()
  const field = page.getByRole('combobox', { name: /^Add a tag/ })
  await field.focus()
  await page.keyboard.type('boiler-2 pressure')
  await until('only tags of boiler-2', async () => (await page.getByRole('option').count()) === 2)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await row(page, 'pressure_setpoint').waitFor()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await row(page, 'drum_pressure').waitFor()
  await page.keyboard.press('Enter')
  assert.deepEqual(address(page).getAll('tag'), ['boiler-2/pressure_setpoint', 'boiler-2/drum_pressure'], 'each only once')
  await page.keyboard.press('Escape')
  await until('the list to close', async () => (await page.getByRole('listbox').count()) === 0)
  await page.getByRole('radio', { name: '15 min' }).click()
  await until('15 minutes', () => address(page).get('span') === '15m')
  await settled(page)
  const last = async () => row(page, 'drum_pressure').getByRole('time').textContent()
  const first = await last()
  await until('a newer sample at the right edge', async () => (await last()) !== first)
  const open = page.url()
  await page.reload()
  await settled(page)
  assert.equal(page.url(), open)
  await page.getByRole('button', { name: 'Remove pressure_setpoint of boiler-2 from the trend' }).click()
  await until('it to be gone', async () => (await row(page, 'pressure_setpoint').count()) === 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a month is zoomed down to every sample, and back', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}${picked}&span=30d`)
  await page.getByText(/^Thinned; lowest and highest are kept/).waitFor()
  assert.ok((await drawn(page)) > 20_000, 'lines are drawn')
  await audited(page, 'trends-month')
  const box = await plot(page).boundingBox()
  const [x, y] = [box.x + box.width * 0.6, box.y + 80]
  await page.mouse.move(x, y)
  await page.mouse.wheel(0, -400)
  await until('a zoom by wheel in the address', () => shown(page) < 20 * 86_400_000)
  const wheeled = shown(page)
  assert.equal(await page.evaluate(() => window.scrollY), 0, 'the page does not scroll with it')
  await settled(page)
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + 60, y, { steps: 4 })
  await page.mouse.up()
  await until('a zoom by dragging', () => shown(page) < wheeled / 5)
  const earlier = address(page).get('from')
  await page.keyboard.down('Shift')
  await page.mouse.down()
  await page.mouse.move(x + 150, y, { steps: 4 })
  await page.mouse.up()
  await page.keyboard.up('Shift')
  await until('an earlier time', () => address(page).get('from') < earlier)
  for (let presses = 0; !(await page.getByText('Every sample of this range is shown.').isVisible()); presses++) {
    assert.ok(presses < 20, 'zooming in never came to every sample')
    const span = shown(page)
    await page.getByRole('button', { name: 'Zoom in' }).click()
    await until('half the time', () => shown(page) < span * 0.6)
    await settled(page)
  }
  const deep = shown(page)
  await page.getByRole('button', { name: 'Back', exact: true }).click()
  await until('the view before', () => shown(page) > deep * 1.5)
  await page.getByRole('button', { name: 'Zoom out' }).click()
  await until('twice the time', () => shown(page) > deep * 3)
  await page.getByRole('button', { name: 'Own range…' }).click()
  await page.getByLabel('From', { exact: true }).fill('2026-01-05T10:00:00')
  await page.getByLabel('To', { exact: true }).fill('2026-01-05T09:00:00')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.getByText('The end must lie at least two seconds after').waitFor()
  await page.getByLabel('To', { exact: true }).fill('2026-01-05T11:00:00')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.getByText(/The oldest sample kept is of/).waitFor()
  await row(page, 'drum_pressure').getByText('none stored').waitFor()
  await page.getByRole('button', { name: 'Follow what comes' }).click()
  await until('a live range', () => address(page).get('span') === '1h')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a cursor reads every tag exactly, by keys and by mouse, and the export has what is shown', async () => {
  const { page, context, problems } = await visit()
  const to = Date.now() - 3_600_000
  await page.goto(`${base}${picked}&tag=boiler-2/energy_total&from=${new Date(to - 600_000).toISOString()}&to=${new Date(to).toISOString()}`)
  await page.getByText('Every sample of this range is shown.').waitFor()
  await plot(page).focus()
  await page.keyboard.press('Home')
  await page.getByRole('columnheader', { name: 'At the cursor' }).waitFor()
  const time = async () => row(page, 'drum_pressure').getByRole('time').getAttribute('datetime')
  const first = Date.parse(await time())
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('ArrowRight')
  await until('three samples further', async () => Date.parse(await time()) === first + 3_000)
  const value = await row(page, 'drum_pressure').getByText(/^\d+\.\d\d bar$/).first().textContent()
  assert.match(await plot(page).getAttribute('aria-valuetext'), new RegExp(`drum_pressure ${value}, good; flue_gas_temperature .* °C, good; burner_on (true|false), good; recipe`))
  const exact = await page.request.get(`${base}/api/v1/devices/boiler-2/tags/energy_total/samples?from=${new Date(to - 600_000).toISOString()}&to=${new Date(to).toISOString()}&points=10000`)
  const { samples } = await exact.json()
  await page.keyboard.press('End')
  await row(page, 'energy_total').getByText(`${samples.at(-1).text} Wh`).first().waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('columnheader', { name: 'Last value' }).waitFor()
  const box = await plot(page).boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + 60)
  await page.getByRole('columnheader', { name: 'At the cursor' }).waitFor()
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  await page.getByRole('button', { name: 'Export CSV' }).click()
  const file = await download
  assert.match(file.suggestedFilename(), /^trend-.*Z\.csv$/)
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n')
  assert.equal(lines[0], 'time,device,tag,value,unit,quality,code')
  assert.ok(lines.includes(`${samples.at(-1).time},boiler-2,energy_total,${samples.at(-1).text},Wh,good,0`), 'all digits are there')
  assert.ok(Math.abs(lines.filter((each) => each.includes(',drum_pressure,')).length - 600) <= 1, 'every sample of ten minutes')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a tag that fails says so in its own row; a tag’s panel leads here', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/devices/boiler-1?tag=drum_pressure`)
  await page.getByRole('link', { name: 'Open in trends' }).click()
  await settled(page)
  assert.deepEqual(address(page).getAll('tag'), ['boiler-1/drum_pressure'])
  await page.goto(`${base}/trends?tag=boiler-1/drum_pressure&tag=boiler-1/not_there`)
  await row(page, 'not_there').getByText('Device boiler-1 has no tag not_there.').waitFor()
  await row(page, 'drum_pressure').getByText(/bar$/).first().waitFor()
  await page.route('**/tags/drum_level/samples*', (route) => route.abort())
  await page.goto(`${base}/trends?tag=boiler-1/drum_pressure&tag=boiler-1/drum_level&from=2026-11-01T00:00:00Z&to=2026-11-01T01:00:00Z`)
  await row(page, 'drum_level').getByText('Asking the edge…').waitFor()
  await row(page, 'drum_level').getByText(/no answer from the edge/).waitFor()
  await page.unroute('**/tags/drum_level/samples*')
  await row(page, 'drum_level').getByRole('button', { name: 'Try again' }).click()
  await row(page, 'drum_level').getByText(/mm$/).first().waitFor()
  assert.deepEqual(problems.filter((problem) => !/404|ERR_FAILED/.test(problem)), [])
  await context.close()
})

test('on a phone one finger reads, two zoom', async () => {
  const { page, context, problems } = await visit({ size: phone, touch: true })
  const to = Date.now() - 3_600_000
  await page.goto(`${base}/trends?tag=boiler-1/drum_pressure&from=${new Date(to - 7_200_000).toISOString()}&to=${new Date(to).toISOString()}`)
  await settled(page)
  await plot(page).scrollIntoViewIfNeeded()
  const box = await plot(page).boundingBox()
  const y = box.y + 90
  await page.touchscreen.tap(box.x + box.width / 2, y)
  await row(page, 'drum_pressure').getByText(/bar$/).first().waitFor()
  await until('the time of the cursor', async () => {
    const at = Date.parse(await row(page, 'drum_pressure').getByRole('time').getAttribute('datetime'))
    return at > to - 4_500_000 && at < to - 2_700_000
  })
  const cdp = await context.newCDPSession(page)
  const fingers = (apart) => [1, -1].map((side, id) => ({ x: box.x + box.width / 2 + side * apart, y, id }))
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: fingers(40) })
  for (const apart of [60, 80, 100, 120]) await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: fingers(apart) })
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await until('less time in the address', () => shown(page) < 4_500_000)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a query is written, run, mended, cancelled, drawn and taken along', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/sql`)
  await page.getByText('Nothing was asked yet.').waitFor()
  const editor = page.getByRole('textbox', { name: 'Query in SQL' })
  const result = page.getByRole('region', { name: /\brows?\b/ })
  const write = async (query) => {
    await editor.press('Control+A')
    await page.keyboard.press('Delete')
    await page.keyboard.type(query)
  }
  await editor.press('Control+Enter')
  await result.getByRole('heading', { name: '46 rows in' }).waitFor()
  await result.getByRole('cell', { name: 'energy_total' }).first().waitFor()
  assert.ok((await result.getByText('null', { exact: true }).count()) > 0, 'nulls are marked')
  await audited(page, 'sql-result')

  await write('SELECT time, \nFROM nothing_like_it')
  await editor.press('Control+Enter')
  await page.getByText('there is no table').waitFor()
  await page.getByRole('button', { name: 'Go to line 2, column 6' }).click()
  await page.keyboard.press('Shift+End')
  await page.keyboard.type('samples')
  await page.getByLabel('Filter tables, columns and functions').fill('value_u')
  await editor.press('Control+Home')
  await page.keyboard.press('End')
  await page.getByRole('button', { name: 'Insert value_u64 of samples' }).click()
  await page.keyboard.press('Control+Enter')
  await result.getByRole('heading', { name: /^1\D000 rows, and more/ }).waitFor()
  await page.getByText('Only the first 1').waitFor()
  assert.equal(address(page).get('q'), 'SELECT time, value_u64\nFROM samples')
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download CSV' }).click()
  const lines = (await readFile(await (await download).path(), 'utf8')).trim().split('\n')
  assert.equal(lines[0], 'time,value_u64')
  assert.ok(lines.length > 1_001, 'more than is shown')

  await write('SELECT * FROM samples CROSS JOIN samples AS other')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText(/^Running, /).waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText(/^Cancelled after .*the edge has stopped the work/).waitFor()
  await page.getByRole('region', { name: 'Last queries' }).getByText(/, cancelled$/).waitFor()

  await page.getByRole('button', { name: 'Means of drum_pressure by minute' }).click()
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByRole('radio', { name: 'Chart' }).check()
  await plot(page).focus()
  await page.keyboard.press('Home')
  assert.match(await plot(page).getAttribute('aria-valuetext'), /mean \d.*; lowest \d.*; highest \d.*; samples \d/)
  await audited(page, 'sql-chart')
  await page.reload()
  await page.getByRole('button', { name: 'Run' }).click()
  await result.getByRole('cell', { name: /T\d\d:\d\d:00.000Z$/ }).first().waitFor()
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByText(/rows copied\.$/).waitFor()
  assert.deepEqual(problems.filter((problem) => !problem.includes('422')), [])
  await context.close()
})

test('what is typed fast stays as typed, also where the page answers late', async () => {
  const { page, context, problems } = await visit()
  await putOffLonger(page, 50)
  await page.goto(`${base}/sql?q=x`)
  const editor = page.getByRole('textbox', { name: 'Query in SQL' })
  await editor.press('Control+End')
  const text = 'yz SELECT 1'
  await page.keyboard.type(text)
  await page.keyboard.press('Control+Enter')
  await page.getByText('expected a SELECT, found').waitFor()
  assert.equal(await editor.innerText(), `x${text}`)
  assert.equal(address(page).get('q'), `x${text}`)
  assert.deepEqual(problems.filter((problem) => !problem.includes('422')), [])
  await context.close()
})

test('storage tells what is kept, of which tags, and what to do when it is short', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/storage`)
  const history = page.getByRole('region', { name: 'History', exact: true })
  await history.getByText(/^\d+ (years|days)$/).waitFor()
  await history.getByRole('meter', { name: 'History' }).waitFor()
  assert.equal(await page.getByRole('alert').count(), 0)
  const tags = page.getByRole('region', { name: 'Tags by size' })
  await tags.getByText('1 to 25 of 47').waitFor()
  await tags.getByRole('button', { name: 'Next' }).click()
  await tags.getByText('26 to 47 of 47').waitFor()
  await page.getByLabel('Filter tags by device or name').fill('boiler-0')
  await tags.getByText('no longer configured').waitFor()
  await until('one row', async () => (await tags.getByRole('row').count()) === 2)
  await page.getByLabel('Filter tags by device or name').fill('nothing like it')
  await tags.getByText('No tag matches this filter.').waitFor()
  await page.request.get(`${base}/mock/scenario/faults`)
  await page.getByText('The history reaches its limit in 2 days').waitFor()
  await page.getByText('Only 190 MB are free on the disk').waitFor()
  await audited(page, 'storage-short')
  await page.request.get(`${base}/mock/scenario/healthy`)
  assert.deepEqual(problems, [])
  await context.close()
})

const pages = [
  ['trends-empty', '/trends', async (page) => page.getByText('No tag is picked yet').waitFor()],
  ['trends', `${picked}&span=8h`, settled],
  ['sql', '/sql?q=SELECT%20device,%20tag,%20value_f64,%20value_text%20FROM%20latest', async (page) => {
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByRole('heading', { name: /46 rows/ }).waitFor()
  }],
  ['storage', '/storage', async (page) => page.getByText(/of 47$/).waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }]]) {
  for (const scheme of width === 'small' ? ['light'] : ['light', 'dark']) {
    test(`what is kept at ${size.width} px, ${scheme}`, async () => {
      const { page, context, problems } = await visit({ size, scheme, touch: width !== 'desktop' })
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
