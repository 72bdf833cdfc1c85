// A mock edge, a browser in front of it, and people who are logged in: what the tests of one subject share.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { faintTexts, nameless, sideways } from '../audit.mjs'
import { startMock } from './start.mjs'

const mock = await startMock('--ready')
const browsing = await import('../browser.mjs')

export const { base, desktop, phone, shot } = browsing

/** Sets the mock edge: a scenario, or what its pages tell. */
export const control = async (path) => assert.equal((await fetch(`${base}/mock/${path}`)).status, 204)

/** Gives pages to these people, all with the same password, for the tests of this file. */
export function visitors(...names) {
  let browser
  const states = new Map()
  before(async () => {
    browser = await browsing.launch()
    for (const name of names) {
      const { page, context } = await browsing.newPage(browser)
      await page.goto(`${base}/login`)
      await page.getByLabel('User name').fill(name)
      await page.getByRole('textbox', { name: 'Password' }).fill('long enough')
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.getByRole('navigation', { name: 'Main' }).waitFor()
      states.set(name, await context.storageState())
      await context.close()
    }
  })
  after(async () => {
    await browser?.close()
    mock.stop()
  })
  return (name, options = {}) => browsing.newPage(browser, { state: states.get(name), ...options })
}

/** A picture, and what holds on every page. */
export async function audited(page, name) {
  await shot(page, name)
  assert.ok((await sideways(page)) <= 0, `${name} scrolls sideways`)
  assert.deepEqual(await nameless(page), [], `${name} has controls without a name`)
  assert.deepEqual(await faintTexts(page), [], `${name} has texts of too little contrast`)
}
