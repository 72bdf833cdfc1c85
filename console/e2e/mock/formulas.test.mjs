// Calculated tags, against the mock: written with completion and findings, seen working, saved, changed, removed; also by keyboard alone.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { until } from '../until.mjs'
import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('max', 'otto')

beforeEach(() => control('scenario/formulas'))

const editor = (page) => page.getByRole('textbox', { name: 'Formula of the tag' })
const value = (page) => page.getByRole('group', { name: 'Value of the formula' })
const inputs = (page) => page.getByRole('table', { name: 'Tags that the formula reads' })
const panel = (page, name) => page.getByRole('complementary', { name: `Tag ${name}` })
const configText = (page) => page.evaluate(async () => (await (await fetch('/api/v1/config')).json()).text)

async function write(page, formula) {
  // Proposals may stand above it.
  await editor(page).focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(formula)
}

async function applied(page) {
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('What happens to the devices').waitFor()
  return dialog
}

test('a calculated tag is written with findings and completion, seen working, saved, changed and removed', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/devices/boiler-1`)
  const earlier = await configText(page)
  await page.getByRole('link', { name: 'Calculated tag' }).click()
  await page.getByRole('heading', { name: 'New calculated tag' }).waitFor()
  await page.getByText('Nothing is changed yet.').waitFor()

  await write(page, 'steam_flow /\n  burner_laod')
  await page.getByText('the device has no tag', { exact: false }).first().waitFor()
  await page.getByText(/^Did you mean/).first().waitFor()
  await page.getByText('Mend 1 finding first.').waitFor()
  await audited(page, 'formula-finding')
  await page.getByRole('button', { name: /^error in line 2 column 3/ }).click()
  await page.keyboard.press('Shift+End')
  await page.keyboard.insertText('burner_load')
  await page.getByText('nothing to mend').waitFor()
  await inputs(page).getByRole('row', { name: /steam_flow .* t\/h good/ }).waitFor()
  await inputs(page).getByRole('row', { name: /burner_load .* % good/ }).waitFor()
  const first = await value(page).textContent()
  await until('another value without a key', async () => (await value(page).textContent()) !== first)

  await write(page, '"boiler-2/flue')
  await page.keyboard.press('Control+Space')
  await page.getByRole('option', { name: /"boiler-2\/flue_gas_oxygen"/ }).click()
  await page.getByText('boiler-2/flue_gas_oxygen is bad').waitFor()
  await audited(page, 'formula-bad')
  await write(page, 'coalesce("boiler-2/flue_gas_oxygen", 3)')
  await value(page).getByText('3', { exact: true }).waitFor()
  await inputs(page).getByText('may be bad').waitFor()

  await write(page, 'steam_flow / burner_load')
  await page.getByRole('button', { name: 'Review and save' }).click()
  await page.getByText('1 field to mend: Enter a name.').waitFor()
  await page.getByText('Enter a name.', { exact: true }).waitFor()
  await page.getByLabel('Name', { exact: true }).fill('steam_flow2')
  await page.getByLabel('Unit (optional)').fill('t/h/%')
  await page.getByRole('combobox', { name: 'Group' }).selectOption({ label: 'A new group' })
  await page.getByLabel('Name of the new group').fill('fast')
  await page.getByText('The device has a group of this name already. Choose another.', { exact: true }).waitFor()
  await page.getByRole('combobox', { name: 'Group' }).selectOption('fast')
  await page.getByRole('button', { name: 'Review and save' }).click()
  const dialog = await applied(page)
  await dialog.getByText('devices[boiler-1].groups[fast].tags[steam_flow2].formula').waitFor()
  await audited(page, 'formula-review')
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()

  await panel(page, 'steam_flow2').getByText('steam_flow / burner_load').waitFor()
  await panel(page, 'steam_flow2').getByRole('group', { name: 'Current value' }).getByText(/^0\.\d+ t\/h\/%$/).waitFor()
  assert.ok((await configText(page)).includes('{ name: steam_flow2, formula: steam_flow / burner_load, type: float64, unit: "t/h/%" }'))
  await audited(page, 'formula-panel')

  await panel(page, 'steam_flow2').getByRole('link', { name: 'Edit formula' }).click()
  await page.getByRole('heading', { name: 'Formula of steam_flow2' }).waitFor()
  await write(page, '100 * steam_flow / burner_load')
  await page.getByText('nothing to mend').waitFor()
  // An ended session does not cost what was typed.
  await page.reload()
  await editor(page).getByText('100 * steam_flow / burner_load').waitFor()
  await page.getByText('nothing to mend').waitFor()
  await page.getByRole('button', { name: 'Review and save' }).click()
  await (await applied(page)).getByRole('button', { name: /^Apply as revision/ }).click()
  await panel(page, 'steam_flow2').getByText('100 * steam_flow / burner_load').waitFor()

  await panel(page, 'steam_flow2').getByRole('link', { name: 'Edit formula' }).click()
  await page.getByRole('button', { name: 'Remove steam_flow2…' }).click()
  await (await applied(page)).getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByRole('heading', { level: 1, name: 'boiler-1' }).waitFor()
  await page.getByRole('row').filter({ hasText: 'drum_pressure' }).waitFor()
  await page.getByRole('link', { name: 'steam_flow2' }).waitFor({ state: 'detached' })
  assert.ok((await configText(page)).startsWith(earlier.slice(0, earlier.indexOf('- name: fast'))), 'what was there stays as it was written')
  assert.deepEqual(problems, [])
  await context.close()
})

test('why a formula gives no value is told at the tag, and its comments survive a change', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/devices/boiler-2?tag=air_excess`)
  await panel(page, 'air_excess').getByText(/^boiler-2\/flue_gas_oxygen is bad\. Quality/).waitFor()
  await page.getByRole('row').filter({ hasText: 'air_excess' }).getByText('boiler-2/flue_gas_oxygen is bad').waitFor()
  await audited(page, 'formula-panel-bad')
  await page.goto(`${base}/devices/boiler-2/formula?tag=air_excess`)
  await page.getByLabel('Description (optional)').fill('Air over what burns')
  await page.getByRole('button', { name: 'Review and save' }).click()
  await (await applied(page)).getByRole('button', { name: /^Apply as revision/ }).click()
  await panel(page, 'air_excess').getByText('Air over what burns').waitFor()
  const text = await configText(page)
  assert.ok(text.includes('# Tons of steam for a percent of load.\n'))
  assert.ok(text.includes('description: Air over what burns } # of the analyser\n'))
  assert.deepEqual(problems, [])
  await context.close()
})

test('a device without a machine is added, and its first formula written, by keyboard alone', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/add-device`)
  const reach = async (name, role, key = 'Tab') => {
    const wanted = page.getByRole(role, { name })
    await wanted.first().waitFor()
    await until(`${name} by ${key}`, async () => {
      if (await wanted.first().evaluate((element) => element === document.activeElement || element.getRootNode().activeElement === element)) return true
      await page.keyboard.press(key)
      return false
    })
  }
  await reach(/^modbus-tcp/, 'radio')
  await page.keyboard.press('Space')
  await reach(/^calculated/, 'radio', 'ArrowDown')
  await reach('Next: name and save', 'button')
  await page.keyboard.press('Enter')
  await reach('Name of the device', 'textbox')
  await page.keyboard.type('totals')
  await page.getByText('Its tags are written next').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Test connection' }).count(), 0)
  await audited(page, 'formula-add-device')
  await reach('Review and save', 'button')
  await page.keyboard.press('Enter')
  await applied(page)
  await reach(/^Apply as revision/, 'button')
  await page.keyboard.press('Enter')

  await page.getByRole('heading', { name: 'New calculated tag' }).waitFor()
  await reach('Formula of the tag', 'textbox')
  await page.keyboard.insertText('"boiler-1/steam_flow" + "boiler-2/steam_flow"')
  await page.getByText('nothing to mend').waitFor()
  // Tab leaves the editor.
  await reach('Name', 'textbox')
  await page.keyboard.type('steam_total')
  await reach('Review and save', 'button')
  await page.keyboard.press('Enter')
  await applied(page)
  await reach(/^Apply as revision/, 'button')
  await page.keyboard.press('Enter')
  await panel(page, 'steam_total').getByRole('group', { name: 'Current value' }).getByText(/^\d+\.\d+$/).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Add tags' }).count(), 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('what is not to be changed here is said, with where to go', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/devices/boiler-2/formula?tag=nobody`)
  await page.getByText('boiler-2 has no tag nobody').waitFor()
  await context.close()
  const viewer = await visit('otto')
  await viewer.page.goto(`${base}/devices/boiler-2/formula?tag=air_excess`)
  await viewer.page.getByText('Changing formulas needs the role engineer; you are viewer.').waitFor()
  await viewer.page.goto(`${base}/devices/boiler-2?tag=air_excess`)
  await panel(viewer.page, 'air_excess').getByText('20.9 / (20.9 - flue_gas_oxygen)').waitFor()
  assert.equal(await viewer.page.getByRole('link', { name: 'Edit formula' }).count(), 0)
  assert.deepEqual([...problems, ...viewer.problems], [])
  await viewer.context.close()
})

const small = { width: 360, height: 740 }
const tablet = { width: 760, height: 900 }
const looks = [
  ['by mouse', false, [['desktop', desktop, 'light'], ['desktop', desktop, 'dark'], ['tablet', tablet, 'light']]],
  ['by touch', true, [['phone', phone, 'light'], ['phone', phone, 'dark'], ['small', small, 'light']]],
]

for (const [how, touch, sizes] of looks) {
  test(`formulas fit and can be read, ${how}`, async () => {
    const { page, context, problems } = await visit('max', { size: sizes[0][1], touch })
    const seen = async (name, element) => {
      for (const [width, size, scheme] of sizes) {
        await page.setViewportSize(size)
        await page.emulateMedia({ colorScheme: scheme })
        await element.scrollIntoViewIfNeeded()
        await audited(page, `${name}-${width}-${scheme}`)
      }
    }
    await page.goto(`${base}/devices/boiler-house/formula?tag=steam_total`)
    await inputs(page).getByText('boiler-2/steam_flow').waitFor()
    await seen('formula', page.getByRole('heading', { level: 1 }))
    await seen('formula-end', page.getByRole('button', { name: 'Remove steam_total…' }))
    await page.goto(`${base}/devices/boiler-2?tag=air_excess`)
    await seen('formula-tag', panel(page, 'air_excess').getByText('20.9 / (20.9 - flue_gas_oxygen)'))
    assert.deepEqual(problems, [])
    await context.close()
  })
}
