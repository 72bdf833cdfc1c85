// On a real edge: a device that can be browsed is browsed again as a new one, a subtree imported, live values seen; then it is removed.
//
// It takes the first device whose driver can browse, such as the demo's press line.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { base, shot, signedIn } from './browser.mjs'
import { until } from './until.mjs'

/** Names from the top of the tree to the part that is imported. */
const inside = process.env.TAGWERK_BROWSE?.split('/') ?? ['Press line', 'Press 2']
const name = `browsed-${Date.now()}`

const visit = signedIn()

const heading = (page, text) => page.getByRole('heading', { level: 2, name: text }).waitFor()
const next = (page, text) => page.getByRole('button', { name: `Next: ${text}` }).click()
const get = async (page, path) => (await page.request.get(`${base}/api/v1${path}`)).json()

/** A device to browse, as the document has it: its driver, and the address of the server. */
async function browsable(page) {
  const able = (await get(page, '/components')).drivers.filter((driver) => driver.abilities.includes('browse')).map((driver) => driver.name)
  return (await get(page, '/devices')).items.find((device) => able.includes(device.driver) && device.state === 'online')
}

/** Opens the tree down to the first node that has tags inside, and gives its name. */
async function openDown(page) {
  for (const part of inside) {
    const item = page.getByRole('treeitem', { name: part, exact: true }).first()
    await item.waitFor()
    if ((await item.getAttribute('aria-expanded')) === 'false') await item.click()
    await until(`${part} to open`, async () => (await item.getAttribute('aria-expanded')) === 'true')
  }
  return page.getByRole('treeitem', { name: inside.at(-1), exact: true }).first()
}

test('a device is browsed, a subtree imported, live values are seen', async () => {
  const { page, context, problems } = await visit()
  const device = await until('a device that can be browsed, such as the press line', () => browsable(page), 30_000)
  // The settings of the device that runs: the same server under another name.
  await page.goto(`${base}/devices/${encodeURIComponent(device.name)}/edit`)
  await page.getByLabel('Endpoint').waitFor()
  const endpoint = await page.getByLabel('Endpoint').inputValue()
  const security = page.getByLabel('Security (optional)')
  const chosen = (await security.count()) === 1 ? await security.inputValue() : ''

  await page.goto(base)
  await page.getByRole('link', { name: 'Add a device' }).click()
  await heading(page, 'What is it?')
  await page.getByRole('radio', { name: new RegExp(`^${device.driver}\\b`) }).check()
  await next(page, 'connection')
  await heading(page, 'How is it reached?')
  await page.getByLabel('Endpoint').fill(endpoint)
  const fresh = page.getByLabel('Security (optional)')
  if (chosen !== '') {
    if (!(await fresh.isVisible())) await page.getByText(/more settings?, with defaults/).click()
    await fresh.selectOption(chosen)
  }
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('The device answers').waitFor()
  await page.getByText(/^Communication: \d+ entr/).waitFor()
  await next(page, 'tags')

  await heading(page, 'Which tags?')
  const node = await openDown(page)
  await node.click({ position: { x: 200, y: 10 } })
  await shot(page, 'browse-real-desktop-light')
  await page.getByRole('button', { name: /^Pick all inside/ }).click()
  await page.getByText(/\d+ tags? found inside/).waitFor({ timeout: 60_000 })
  await page.getByRole('heading', { name: /^\d+ tags?$/ }).waitFor()
  await page.getByRole('button', { name: 'Read these tags' }).click()
  await page.getByText(/: \d+ with a value/).waitFor()
  await shot(page, 'picked-real-desktop-light')
  await next(page, 'interval')
  await page.getByText('requests/s').first().waitFor()
  await next(page, 'name and save')
  await page.getByLabel('Name of the device').fill(name)
  await page.getByRole('button', { name: 'Review and save' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText(`${name} starts`).waitFor()
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()

  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  await until('a good value', async () => (await page.getByRole('row').filter({ hasText: 'good' }).count()) > 0, 60_000)
  const rows = page.getByRole('region', { name: 'Tags' }).getByRole('row')
  const values = () => rows.evaluateAll((all) => all.map((row) => row.querySelector('td')?.textContent ?? '').join('\n'))
  const first = await values()
  await until('a value that changes', async () => (await values()) !== first, 60_000)
  await shot(page, 'live-real-desktop-light')

  await page.goto(`${base}/devices/${name}/edit`)
  await page.getByRole('button', { name: `Remove ${name}…` }).click()
  const removal = page.getByRole('dialog', { name: 'Review changes' })
  await removal.getByText(`${name} stops`).waitFor()
  await removal.getByRole('button', { name: /^Apply as revision/ }).click()
  await until('the device to leave the list', async () => (await get(page, '/devices')).items.every((each) => each.name !== name))
  // The page of the device may ask for it once more while it goes.
  assert.deepEqual(problems.filter((problem) => !problem.includes(`/devices/${name}`)), [])
  await context.close()
})
