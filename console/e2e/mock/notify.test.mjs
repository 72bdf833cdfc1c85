// Notifications, against the mock: channels and routes as they go, tests, and what to do first.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { audited, base, control, phone, visitors } from './rig.mjs'

const visit = visitors('lena', 'otto')
const address = `${base}/alarms/notifications`

const channel = (page, name) => page.getByRole('listitem', { name: `Channel ${name}` })

test('channels say what became of their messages, and routes whom they tell when', async () => {
  await control('scenario/faults')
  const { page, context, problems } = await visit('lena')
  await page.goto(`${base}/alarms`)
  await page.getByRole('link', { name: 'Notifications' }).click()
  await page.getByText('1 of 3 channels failing').waitFor()
  const chief = channel(page, 'chief-mail')
  await chief.getByRole('alert').getByText('connection refused').waitFor()
  await chief.getByText('1 message, 6 alarms for the next one').waitFor()
  await channel(page, 'shift-mail').getByText('delivering').waitFor()
  await channel(page, 'pager').getByText('nothing sent yet').waitFor()
  const boilers = page.getByRole('listitem', { name: 'Route boilers' })
  for (const said of ['2 alarms not acknowledged', 'chief-mail, pager after 10 min without an acknowledgement', /repeated every 15 min/]) await boilers.getByText(said).waitFor()
  await page.getByRole('listitem', { name: 'Route rest' }).getByText('quiet now, up to high').waitFor()
  await page.getByText('Times are of Europe/Berlin.').waitFor()
  await audited(page, 'notify-desktop')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a test tells what each server answered', async () => {
  await control('scenario/faults')
  const { page, context, problems } = await visit('lena')
  await page.goto(address)
  await page.getByRole('button', { name: 'Send a test by pager' }).click()
  await channel(page, 'pager').getByText('The test was taken.').waitFor()
  await page.getByRole('button', { name: 'Send a test by shift-mail' }).click()
  const shift = channel(page, 'shift-mail')
  await shift.getByText('The test was not taken for everybody.').waitFor()
  await shift.getByText('shift@plant.example: 250 2.0.0 Ok: queued').waitFor()
  await shift.getByText('no such user here').waitFor()
  await page.getByRole('button', { name: 'Send a test by chief-mail' }).click()
  await channel(page, 'chief-mail').getByText('The test was not taken.').waitFor()
  await audited(page, 'notify-tested')
  assert.deepEqual(problems, [])
  await context.close()
})

test('on a phone and in the dark it reads as well', async () => {
  await control('scenario/faults')
  for (const colorScheme of ['light', 'dark']) {
    const { page, context, problems } = await visit('lena', { size: phone, touch: true, scheme: colorScheme })
    await page.goto(address)
    await channel(page, 'chief-mail').getByRole('alert').waitFor()
    await audited(page, `notify-phone-${colorScheme}`)
    assert.deepEqual(problems, [])
    await context.close()
  }
  const { page, context } = await visit('lena', { scheme: 'dark' })
  await page.goto(address)
  await channel(page, 'chief-mail').getByRole('alert').waitFor()
  await audited(page, 'notify-desktop-dark')
  await context.close()
})

test('where nobody is told the page says what to do first, and a viewer sends nothing', async () => {
  await control('scenario/empty')
  const { page, context } = await visit('lena', { size: phone, touch: true  })
  await page.goto(address)
  await page.getByRole('heading', { name: 'Nobody is told of alarms yet' }).waitFor()
  await page.getByText('Ask somebody with the role engineer to add a channel').waitFor()
  await audited(page, 'notify-first-phone')
  await context.close()
  await control('scenario/faults')
  const other = await visit('otto')
  await other.page.goto(address)
  await other.page.getByText(/Sending a test needs/).waitFor()
  assert.equal(await other.page.getByRole('button', { name: /Send a test/ }).count(), 0)
  await other.context.close()
})
