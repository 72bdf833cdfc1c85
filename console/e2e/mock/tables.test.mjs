// Lookup tables, against the mock: listed with what is wrong, read now, and their rows page by page.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { audited, base, control, phone, visitors } from './rig.mjs'

const visit = visitors('lena', 'otto')

beforeEach(() => control('scenario/healthy'))

const list = (page) => page.getByRole('region', { name: 'Lookup tables', exact: true })
const row = (page, name) => list(page).getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

test('an old table says why, and is read now', async () => {
  await control('scenario/faults')
  const { page, context } = await visit('lena')
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
