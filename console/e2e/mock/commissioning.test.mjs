// From nothing to live values: a device that is browsed, one whose registers are read, one of a template; also by keyboard alone.
import assert from 'node:assert/strict'
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

const next = (page, name) => page.getByRole('button', { name: `Next: ${name}` }).click()
const heading = (page, name) => page.getByRole('heading', { level: 2, name }).waitFor()
const configText = async (page) => (await (await page.request.get(`${base}/api/v1/config`)).json()).text

async function review(page) {
  await page.getByRole('button', { name: 'Review and save' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('What happens to the devices').waitFor()
  return dialog
}

const widths = [['desktop', desktop, 'light'], ['phone', phone, 'dark']]

for (const [width, size, scheme] of widths) {
  test(`a server is browsed, a subtree imported, its values seen: ${width}`, async () => {
    const { page, context, problems } = await visit({ size, scheme, touch: width === 'phone' })
    const name = `press-${width}`
    const earlier = await configText(page)
    await page.goto(base)
    await page.getByRole('link', { name: 'Add a device' }).click()
    await heading(page, 'What is it?')
    await page.getByText('Choose a driver or a template first.').waitFor()
    await audited(page, `add-source-${width}`)
    await page.getByRole('radio', { name: /^opcua/ }).check()
    await next(page, 'connection')
    await heading(page, 'How is it reached?')

    // What is missing is told before anything is sent.
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.getByText('This is needed.').waitFor()
    await page.getByLabel('Endpoint').fill('opc.tcp://unreachable.example:4840')
    await page.getByLabel('Identity').selectOption('user')
    await page.getByText('By name and password.').waitFor()
    await page.getByLabel('User (optional)').fill('tagwerk')
    await page.getByRole('button', { name: /^Set a new secret/ }).click()
    const secret = page.getByRole('group', { name: 'New secret' })
    await secret.getByLabel('Name of the secret').fill(`press-${width}`)
    await secret.getByLabel('Secret value').fill('not to be seen')
    await secret.getByRole('button', { name: 'Store the secret' }).click()
    await until('the secret to be chosen', async () => (await page.getByLabel('Password').inputValue()) === `press-${width}`)
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.getByText('Check the address, that the device is switched on').waitFor()
    await audited(page, `add-connection-failed-${width}`)
    await page.getByLabel('Endpoint').fill('opc.tcp://192.168.0.20:4840')
    await page.getByRole('button', { name: 'Test connection' }).click()
    await page.getByText('The device answers').waitFor()
    await page.getByText(/^Communication: \d+ entries$/).click()
    await page.getByRole('region', { name: 'Communication of the trial' }).getByText('Browse the root').waitFor()
    await next(page, 'tags')

    await heading(page, 'Which tags?')
    await page.getByRole('treeitem', { name: 'Objects' }).click()
    await page.getByRole('treeitem', { name: 'PressLine' }).click()
    await page.getByRole('treeitem', { name: 'Drives' }).click()
    await page.getByRole('button', { name: 'Pick all inside Drives' }).click()
    await page.getByText('20 tags found inside Drives').waitFor()
    await page.getByRole('treeitem', { name: /^State/ }).click()
    await page.getByRole('heading', { name: '21 tags' }).waitFor()
    await page.getByLabel('Name of Drive_1.Speed').fill('speed of one')
    await page.getByText('beginning with a letter, a digit or').waitFor()
    await page.getByLabel('Name of speed of one').fill('speed_1')
    await page.getByLabel('Access to Drive_1.Set_speed').selectOption('read_write')
    await page.getByRole('button', { name: 'Read these tags' }).click()
    await page.getByText('21 with a value').waitFor()
    await audited(page, `add-tags-${width}`)
    await next(page, 'interval')

    await heading(page, 'How often?')
    await page.getByLabel('Interval').fill('1 second')
    await page.getByText('Write a whole number and its unit').first().waitFor()
    await page.getByLabel('Interval').fill('500ms')
    await page.getByText('none: the device reports changes').waitFor()
    await audited(page, `add-interval-${width}`)
    await next(page, 'name and save')

    await page.getByLabel('Name of the device').fill('boiler-1')
    await page.getByText('There is a device of this name already.').first().waitFor()
    await page.getByLabel('Name of the device').fill(name)
    await page.getByLabel('Description (optional)').fill('Press line: drives')
    const dialog = await review(page)
    await dialog.getByText(`${name} starts`).waitFor()
    await dialog.getByText(/keep polling undisturbed/).waitFor()
    await audited(page, `add-review-${width}`)
    await dialog.getByRole('button', { name: /^Apply as revision/ }).click()

    await page.getByRole('heading', { level: 1, name }).waitFor()
    await page.getByRole('row').filter({ hasText: 'speed_1' }).getByText('rpm').waitFor()
    const value = async () => page.getByRole('row').filter({ hasText: 'speed_1' }).getByRole('cell').first().textContent()
    const first = await value()
    await until('a live value', async () => (await value()) !== first)
    const text = await configText(page)
    assert.ok(text.startsWith(earlier.slice(0, earlier.indexOf('sinks:'))), 'what was there stays as it was written')
    assert.ok(text.includes(`password:\n        secret: press-${width}`), 'the document names the secret')
    assert.ok(!text.includes('not to be seen'))
    assert.deepEqual(problems, [])
    await context.close()
  })
}

test('the tree loads as it is opened, page by page, and is searched and used by keyboard', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/add-device?driver=opcua`)
  await page.getByRole('button', { name: 'Next: connection' }).click()
  await page.getByLabel('Endpoint').fill('opc.tcp://192.168.0.20:4840')
  await next(page, 'tags')
  await page.getByRole('treeitem', { name: 'Objects' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.getByRole('treeitem', { name: 'Archive' }).click()
  await page.getByRole('button', { name: /Load more of Archive/ }).click()
  await page.getByRole('treeitem', { name: /^Batch 150/ }).waitFor()
  await page.getByLabel('Search what is loaded').fill('batch 12')
  await until('the rows that match', async () => (await page.getByRole('treeitem', { name: /^Batch 12\d/ }).count()) === 10 && (await page.getByRole('treeitem', { name: /^Batch 13/ }).count()) === 0)
  await page.getByLabel('Search what is loaded').fill('')
  await page.getByLabel('Keep values fresh').check()
  await page.getByRole('treeitem', { name: 'PressLine' }).click()
  const pressure = page.getByRole('treeitem', { name: /^Pressure/ })
  await page.getByRole('treeitem', { name: 'Hydraulics' }).click()
  const shown = await pressure.textContent()
  await until('a fresh value in the tree', async () => (await pressure.textContent()) !== shown)
  assert.deepEqual(problems, [])
  await context.close()
})

test('registers are seen under every type and order, and become tags', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/devices/boiler-1/registers`)
  await page.getByText('Read a block to see it under every type').waitFor()
  await page.getByLabel('First register').fill('70000')
  await page.getByText('Enter a whole number from 0 to 65535.').waitFor()
  await page.getByLabel('First register').fill('190')
  await page.getByRole('button', { name: 'Read registers' }).click()
  await page.getByRole('alert').getByText(/^holding:190\/80: .*the device has no such register/).waitFor()
  await page.getByLabel('First register').fill('96')
  await page.getByRole('button', { name: 'Read registers' }).click()
  const table = page.getByRole('region', { name: 'Values of the registers' })
  await table.getByRole('button', { name: /as float32 CDAB at holding 100, likely/ }).click()
  await page.getByLabel('Find what the machine shows').fill('83.5')
  await table.getByRole('button', { name: /as uint16 at holding 104, found/ }).click()
  await table.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowRight')
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /as int16 at holding 97/)
  await page.getByRole('radio', { name: '64 bit' }).check()
  await table.getByRole('button', { name: /^1234567890123456789 as uint64 ABCD at holding 110/ }).click()
  await audited(page, 'registers-desktop')
  await page.getByRole('radio', { name: 'Bits and text' }).check()
  await table.getByRole('button', { name: 'Bit 5 of holding 130 is 1: make a tag' }).click()
  await table.getByRole('button', { name: /^Text of 14 bytes from holding 120/ }).click()
  await page.getByRole('button', { name: 'Add 5 picked tags' }).click()

  await heading(page, 'Which tags?')
  const address = (name) => page.getByLabel(`Address of ${name}`).inputValue()
  assert.equal(await address('holding_100'), 'holding:100#CDAB')
  assert.equal(await address('holding_110'), 'holding:110')
  assert.equal(await address('holding_130_5'), 'holding:130.5')
  await page.getByText('scaled by 0.1').waitFor()
  await page.getByRole('radio', { name: 'Write addresses' }).check()
  await page.getByText('How addresses of modbus-tcp are written').waitFor()
  await page.getByRole('button', { name: 'Add a tag', exact: true }).click()
  await page.getByLabel('Address of new_tag').fill('nonsense')
  await page.getByLabel('Type of new_tag').selectOption('int16')
  await page.getByRole('button', { name: 'Read these tags' }).click()
  await page.getByText('is no address of this driver').first().waitFor()
  await page.getByRole('button', { name: 'Leave out new_tag' }).click()
  await page.getByRole('button', { name: 'Read these tags' }).click()
  await page.getByRole('row').filter({ has: page.getByLabel('Name of holding_110') }).getByText('1234567890123456789').waitFor()
  await next(page, 'interval and save')
  await page.getByText('Now', { exact: true }).waitFor()
  await page.getByText('After', { exact: true }).waitFor()
  const dialog = await review(page)
  await dialog.getByText('boiler-1').first().waitFor()
  await dialog.getByRole('button', { name: 'Back to editing' }).click()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a device is made from a template of the library, and changed, and removed', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/config/templates`)
  await page.getByText('None yet. Add one from the library').waitFor()
  await page.getByRole('link', { name: /sunspec-meter of the library/ }).click()
  await next(page, 'connection')
  await page.getByLabel('Host').fill('192.168.0.40')
  await page.getByLabel('Unit (optional)').fill('300')
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('Enter 247 or less.').waitFor()
  await page.getByLabel('Unit (optional)').fill('3')
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('The device answers: 3 tags read').waitFor()
  await next(page, 'name and save')
  await page.getByLabel('Name of the device').fill('meter-1')
  const dialog = await review(page)
  await dialog.getByText('sunspec-meter is added; 1 device made from it: meter-1').waitFor()
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByRole('heading', { level: 1, name: 'meter-1' }).waitFor()
  const text = await configText(page)
  assert.ok(text.includes('templates:\n  - name: sunspec-meter\n'), 'the template is in the document')

  await page.goto(`${base}/config/templates`)
  await page.getByRole('region', { name: 'In this configuration' }).getByRole('link', { name: 'meter-1' }).click()
  await page.getByRole('link', { name: 'Settings' }).first().click()
  await page.goto(`${base}/devices/meter-1/edit`)
  await page.getByText('Nothing is changed yet.').waitFor()
  await page.getByLabel('Unit (optional)').fill('4')
  const change = await review(page)
  await change.getByText('devices[meter-1].parameters.unit').waitFor()
  await change.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByRole('heading', { level: 1, name: 'meter-1' }).waitFor()

  await page.goto(`${base}/devices/meter-1/edit`)
  await page.getByRole('button', { name: 'Remove meter-1…' }).click()
  const removal = page.getByRole('dialog', { name: 'Review changes' })
  await removal.getByText('meter-1 stops').waitFor()
  await removal.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByRole('heading', { level: 2, name: 'Devices' }).waitFor()
  await until('the device to leave the list', async () => (await page.getByRole('link', { name: 'meter-1' }).count()) === 0)
  assert.deepEqual(problems, [])
  await context.close()
})

/** What the page and the focus were when a test failed. */
async function told(page, steps) {
  try {
    await steps()
  } catch (error) {
    const seen = await page.evaluate(() => `${location.pathname}${location.search}\nfocus: ${document.activeElement?.outerHTML.slice(0, 300)}\n${(document.querySelector('dialog') ?? document.body).innerText.slice(0, 1_500)}`)
    error.message += `\nThe page was ${seen}`
    throw error
  }
}

test('a device is commissioned by keyboard alone, also where effects come late', async () => {
  const { page, context, problems } = await visit()
  await putOffLonger(page, 60)
  await told(page, () => byKeyboard(page))
  assert.deepEqual(problems, [])
  await context.close()
})

async function byKeyboard(page) {
  await page.goto(base)
  await page.getByRole('link', { name: 'Add a device' }).waitFor()
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement
      const label = element?.id ? document.querySelector(`label[for="${element.id}"]`)?.textContent : undefined
      return (element?.getAttribute('aria-label') ?? label ?? element?.closest('label')?.textContent ?? element?.textContent ?? '').trim()
    })
  const tabTo = async (start) => {
    for (let presses = 0; presses < 120; presses++) {
      if ((await focused()).startsWith(start)) return
      await page.keyboard.press('Tab')
    }
    assert.fail(`Tab never reached ${start}, but ended at ${await focused()}`)
  }
  const press = async (start) => {
    await tabTo(start)
    await page.keyboard.press('Enter')
  }
  await press('Add a device')
  await heading(page, 'What is it?')
  await tabTo('modbus-tcp')
  await page.keyboard.press('ArrowDown')
  await until('opcua to be chosen', () => page.getByRole('radio', { name: /^opcua/ }).isChecked())
  await press('Next: connection')
  await until('the focus on the heading', async () => (await focused()) === 'How is it reached?')
  await tabTo('Endpoint')
  await page.keyboard.type('opc.tcp://10.0.0.9:4840')
  await press('Test connection')
  await page.getByText('The device answers').waitFor()
  await press('Next: tags')
  await page.getByRole('treeitem').first().waitFor()
  await tabTo('Objects')
  await page.keyboard.press('ArrowRight')
  await page.getByRole('treeitem', { name: 'PressLine' }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByRole('treeitem', { name: 'Hydraulics' }).waitFor()
  for (let presses = 0; !(await focused()).startsWith('State'); presses++) {
    assert.ok(presses < 10, 'the arrow never reached State')
    await page.keyboard.press('ArrowDown')
  }
  await page.keyboard.press('Space')
  await page.getByRole('heading', { name: '1 tag' }).waitFor()
  await press('Read these tags')
  await page.getByText('1 with a value').waitFor()
  await press('Next: interval')
  await heading(page, 'How often?')
  await press('Next: name and save')
  await tabTo('Name of the device')
  await page.keyboard.type('by-keyboard')
  await press('Review and save')
  await page.getByRole('dialog').getByText('What happens to the devices').waitFor()
  assert.equal(await page.getByLabel('Name of the device').inputValue(), 'by-keyboard')
  await press('Apply as revision')
  await page.getByRole('heading', { level: 1, name: 'by-keyboard' }).waitFor()
  await page.getByRole('link', { name: 'State' }).waitFor()
}

test('what was begun is kept over a reload, and another revision in between does not stop it', async () => {
  const { page, context, problems } = await visit()
  await page.goto(`${base}/add-device?driver=sim`)
  await next(page, 'connection')
  await next(page, 'tags')
  await page.getByRole('button', { name: /^ramp:0..100/ }).click()
  await page.reload()
  await page.getByRole('heading', { name: '1 tag' }).waitFor()
  const text = await configText(page)
  const { revision } = await (await page.request.get(`${base}/api/v1/config`)).json()
  await page.request.put(`${base}/api/v1/config`, { data: text.replace('stand-by', 'reserve'), headers: { 'If-Match': `"${revision}"`, 'X-Tagwerk-Request': '1', 'Content-Type': 'text/yaml' } })
  await next(page, 'interval')
  await next(page, 'name and save')
  await page.getByLabel('Name of the device').fill('ramp')
  const dialog = await review(page)
  const apply = dialog.getByRole('button', { name: /^Apply as revision/ })
  await apply.click()
  const conflict = dialog.getByRole('button', { name: 'Compare mine with the newer one' })
  await Promise.race([conflict.waitFor(), page.getByRole('heading', { level: 1, name: 'ramp' }).waitFor()])
  if (await conflict.isVisible()) {
    await conflict.click()
    await until('the conflict to go', async () => !(await conflict.isVisible()))
    await apply.click()
  }
  await page.getByRole('heading', { level: 1, name: 'ramp' }).waitFor()
  assert.ok((await configText(page)).includes('reserve'), 'the other change stays')
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes('412')))
  assert.deepEqual(problems, [])
  await context.close()
})
