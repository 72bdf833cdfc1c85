// A browser, a page that remembers what went wrong on it, and the way in. Leaves what is tested to *.test.mjs.
//
// TAGWERK_URL        where the console is, such as http://127.0.0.1:8080
// TAGWERK_SETUP_URL  the one-time link, needed when no administrator exists yet
// SCREENSHOTS        folder for pictures; none are taken without it
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before } from 'node:test'

import { chromium } from 'playwright-core'

export const base = (process.env.TAGWERK_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '')
export const admin = { username: 'anna', password: 'long enough for anna' }
export const shots = process.env.SCREENSHOTS

const args = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args })
}

export const desktop = { width: 1280, height: 800 }
export const phone = { width: 390, height: 844 }

/** `problems` collects console errors, broken policies and failed scripts; a test asserts that it stays empty. */
export async function newPage(browser, options = {}) {
  const { state, size = desktop, scheme = 'light', touch = false } = options
  const context = await browser.newContext({
    viewport: size,
    colorScheme: scheme,
    hasTouch: touch,
    storageState: state,
    ignoreHTTPSErrors: true,
  })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} ${message.location().url}`)
  })
  return { page, context, problems }
}

/** One browser for the tests of a file, logged in once: what comes back opens a page in it. */
export function signedIn() {
  let browser
  let state
  before(async () => {
    browser = await launch()
    const { page, context } = await newPage(browser)
    await enter(page)
    state = await context.storageState()
    await context.close()
  })
  after(async () => {
    await browser?.close()
  })
  return (options = {}) => newPage(browser, { state, ...options })
}

/** Sets up the first administrator, or logs in where one exists. */
export async function enter(page) {
  await page.goto(`${base}/login`)
  const title = page.getByRole('heading', { level: 1 })
  await title.waitFor()
  if ((await title.textContent()) === 'Set up this edge') {
    await page.goto(process.env.TAGWERK_SETUP_URL ?? `${base}/setup`)
    await page.getByLabel('User name').fill(admin.username)
    await page.getByRole('textbox', { name: 'Password' }).fill(admin.password)
    await page.getByRole('button', { name: 'Create administrator' }).click()
  } else {
    await page.getByLabel('User name').fill(admin.username)
    await page.getByRole('textbox', { name: 'Password' }).fill(admin.password)
    await page.getByRole('button', { name: 'Log in' }).click()
  }
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
}

export async function shot(page, name) {
  if (shots === undefined) return
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${name}.png`) })
}
