// Lookup tables, against the mock: listed with what is wrong, read now, and their rows page by page.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'

import { faintTexts, nameless, sideways } from '../audit.mjs'
import { startMock } from './start.mjs'

const mock = await startMock('--ready')
const { base, launch, newPage, phone, shot } = await import('../browser.mjs')

let browser
const states = new Map()

async function enterAs(page, name) {
  await page.goto(`${base}/login`)
  await page.getByLabel('User name').fill(name)
  await page.getByRole('textbox', { name: 'Password' }).fill('long enough')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
}

const control = async (path) => assert.equal((await fetch(`${base}/mock/${path}`)).status, 204)

before(async () => {
  browser = await launch()
  for (const name of ['lena', 'otto']) {
    const { page, context } = await newPage(browser)
    await enterAs(page, name)
    states.set(name, await context.storageState())
    await context.close()
  }
})

beforeEach(() => control('scenario/healthy'))

after(async () => {
  await browser?.close()
  mock.stop()
})

const visit = (name = 'lena', options = {}) => newPage(browser, { state: states.get(name), ...options })

async function audited(page, name) {
  await shot(page, name)
  assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
  assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
}

const list = (page) => page.getByRole('region', { name: 'Lookup tables', exact: true })
const row = (page, name) => list(page).getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

test('an old table says why, and is read now', async () => {
  await control('scenario/faults')
  const { page, context } = await visit()
  await page.goto(`${base}/rules`)
  await page.getByRole('link', { name: 'Lookup tables' }).click()
  await row(page, 'orders').getByText('unable to open database file').waitFor()
  await row(page, 'orders').getByText('The rows that were read last stay in use.').waitFor()
  await row(page, 'weather').getByText('rules that read it wait').waitFor()
  await audited(page, 'tables-faults')
  await row(page, 'orders').getByRole('button', { name: 'Read now' }).click()
  await row(page, 'orders').getByText('unable to open database file').waitFor({ state: 'detached' })
  await row(page, 'products').getByText('Its rows stand in the configuration.').waitFor()
  await context.close()
})

test('rows are shown page by page', async () => {
  const { page, context } = await visit('otto')
  await page.goto(`${base}/tables`)
  await row(page, 'orders').getByText('Reading now needs the role operator').waitFor()
  await page.getByRole('link', { name: 'orders', exact: true }).click()
  const rows = page.getByRole('region', { name: 'Rows of orders' })
  await rows.getByText('Order 100', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await rows.getByText('Order 101', { exact: true }).waitFor()
  assert.match(page.url(), /page=2/)
  await audited(page, 'table')
  await context.close()
})

test('on a phone, and without any', async () => {
  const { page, context } = await visit('otto', { ...phone })
  await page.goto(`${base}/tables`)
  await row(page, 'products').waitFor()
  await audited(page, 'tables-phone')
  await control('scenario/empty')
  await page.reload()
  await page.getByRole('heading', { name: 'No lookup table is configured yet' }).waitFor()
  await audited(page, 'tables-none')
  await context.close()
})
