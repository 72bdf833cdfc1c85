// Measures how soon a trend is drawn, for `cargo xtask bench trends`; prints a line of JSON for each row of its table.
//
// TAGWERK_TIMES  how often each page is opened
import { performance } from 'node:perf_hooks'

import { base, enter, launch, newPage } from './browser.mjs'

const times = Number(process.env.TAGWERK_TIMES ?? 7)
const spans = [['1h', 3_600_000], ['24h', 86_400_000], ['30d', 30 * 86_400_000]]
const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const say = (line) => console.log(JSON.stringify(line))

/** Notes, on the page's own clock, when the first chart stands on the screen. */
const watchForChart = () => {
  const seen = new MutationObserver(() => {
    const said = document.querySelector('.trend-state [role=status]')?.textContent ?? ''
    if (!/^(Thinned|Every sample)/.test(said)) return
    seen.disconnect()
    // The frame after the one that drew it.
    requestAnimationFrame(() => requestAnimationFrame(() => (window.drawnAt = performance.now())))
  })
  document.addEventListener('DOMContentLoaded', () => seen.observe(document.body, { subtree: true, childList: true, characterData: true }))
}

async function open(page, address) {
  await page.goto(address, { waitUntil: 'commit' })
  return (await page.waitForFunction(() => window.drawnAt, undefined, { polling: 'raf', timeout: 60_000 })).jsonValue()
}

const browser = await launch()
const first = await newPage(browser)
await enter(first.page)
const state = await first.context.storageState()
const get = async (path) => {
  const begun = performance.now()
  const answer = await first.page.request.get(`${base}/api/v1${path}`)
  const body = await answer.json()
  return { ms: performance.now() - begun, body }
}

const all = (await get('/tags?limit=100')).body
const names = all.items.filter((tag) => tag.type === 'float64').slice(0, 8).map((tag) => ({ device: tag.device, tag: tag.name }))

/** The answers behind a chart, asked for as the page does: all at once. */
async function answers(tags, spanMs) {
  const to = Date.now()
  const range = `from=${new Date(to - spanMs * 1.1).toISOString()}&to=${new Date(to).toISOString()}&points=2800`
  const begun = performance.now()
  const got = await Promise.all(tags.map(({ device, tag }) => get(`/devices/${encodeURIComponent(device)}/tags/${encodeURIComponent(tag)}/samples?${range}`)))
  return { ms: performance.now() - begun, points: got.reduce((sum, each) => sum + each.body.samples.length, 0) }
}

for (const count of [1, 8]) {
  for (const [span, spanMs] of spans) {
    const tags = names.slice(0, count)
    const address = `${base}/trends?${tags.map(({ device, tag }) => `tag=${device}/${tag}`).join('&')}&span=${span}`
    const api = []
    const [fresh, again] = [[], []]
    let points = 0
    for (let turn = 0; turn < times; turn++) {
      const answer = await answers(tags, spanMs)
      api.push(answer.ms)
      points = answer.points
      const { page, context } = await newPage(browser, { state })
      await page.addInitScript(watchForChart)
      fresh.push(await open(page, address))
      again.push(await open(page, address))
      await context.close()
    }
    say({ name: `${count === 1 ? 'one tag' : `${count} tags`}, ${span}`, api: middle(api), first: middle(fresh), first_max: Math.max(...fresh), again: middle(again), again_max: Math.max(...again), points })
  }
}

/** From the last key to the list, the pause for further keys included. */
const picked = []
const { page, context } = await newPage(browser, { state })
await page.goto(`${base}/trends`)
const field = page.getByRole('combobox', { name: /^Add a tag/ })
await field.click()
await page.getByRole('option').first().waitFor()
for (let turn = 0; turn < times; turn++) {
  const part = `-${11 + turn * 10}`
  const begun = performance.now()
  await field.fill(part)
  await page.waitForFunction((text) => [...document.querySelectorAll('[role=option] strong')].some((each) => each.textContent.includes(text)) && [...document.querySelectorAll('[role=option] strong')].every((each) => each.textContent.includes(text)), part, { polling: 'raf' })
  picked.push(performance.now() - begun)
}
const list = []
for (let turn = 0; turn < times; turn++) list.push((await get(`/tags?filter=-${11 + turn * 10}&limit=30`)).ms)
say({ name: `a tag found among ${all.total}`, api: middle(list), again: middle(picked), again_max: Math.max(...picked) })
await context.close()
await browser.close()
