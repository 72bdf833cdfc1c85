// Several rules at once, against the mock: chosen, their stage changed, conflicts, what became of it.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { until } from '../until.mjs'
import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('max')

// By way of an empty edge, so that each test has the configuration of the start.
beforeEach(async () => {
  await control('scenario/empty')
  await control('scenario/healthy')
})

const list = (page) => page.getByRole('region', { name: 'Rules', exact: true })
const row = (page, name) => list(page).getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })
const box = (page, name) => page.getByRole('checkbox', { name: `Choose ${name}`, exact: true })
const configText = (page) => page.evaluate(async () => (await (await fetch('/api/v1/config')).json()).text)

async function choose(page, ...names) {
  await row(page, names[0]).waitFor()
  for (const name of names) await box(page, name).check()
  await page.getByText(`${names.length} rules are chosen.`).waitFor()
}

async function openDialog(page, many) {
  await page.getByRole('button', { name: 'Change stage…' }).click()
  const dialog = page.getByRole('dialog', { name: `Change the stage: ${many} rules` })
  await dialog.waitFor()
  return dialog
}

test('several rules are stopped at once, seen as a difference first', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/rules`)
  await choose(page, 'overpressure', 'packing-speed', 'film-left')
  await audited(page, 'stages-chosen')
  const dialog = await openDialog(page, 3)
  await dialog.getByText('Choose a stage first.').waitFor()
  await dialog.getByRole('radio', { name: 'draft' }).check()
  await dialog.getByText('They stop: they are kept, and not run. Their alarms and writes end.').waitFor()
  await dialog.getByText('2 rules will become draft. 1 rule is draft already.').waitFor()
  await audited(page, 'stages-dialog')
  await dialog.getByRole('button', { name: 'Show the difference' }).click()
  const review = page.getByRole('dialog', { name: 'Review changes' })
  await review.getByText('rules[overpressure].stage').waitFor()
  await review.getByText('rules[packing-speed].stage').waitFor()
  await review.getByRole('heading', { name: '2 changes' }).waitFor()
  assert.equal(await review.getByLabel('Comment').inputValue(), 'Stage draft: overpressure, packing-speed')
  await audited(page, 'stages-review')
  await review.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText('2 rules are draft, and stopped.').waitFor()
  await row(page, 'overpressure').getByText('stopped').waitFor()
  assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 0, 'nothing is chosen any more')
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'What to do', 'the focus is kept')
  await audited(page, 'stages-done')
  const text = await configText(page)
  assert.match(text, /- name: packing-speed\n    stage: draft\n    text: Mean speed/)
  assert.match(text, /# Late rows come over the radio link\.\n    lateness: 2s/)
  await page.getByRole('button', { name: /^Close/ }).click()
  await page.getByText('2 rules are draft, and stopped.').waitFor({ state: 'detached' })
  assert.deepEqual(problems, [])
  await context.close()
})

test('what writes to devices is named before it runs live, and what fails afterwards too', async () => {
  await control('scenario/faults')
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/rules?stage=trial`)
  await choose(page, 'follow-pressure', 'line-2-slow')
  const dialog = await openDialog(page, 2)
  await dialog.getByRole('radio', { name: 'live' }).check()
  await dialog.getByText('1 of them writes values to devices').waitFor()
  await dialog.getByText('follow-pressure. Values are written as soon as the rule runs live.').waitFor()
  await dialog.getByRole('button', { name: 'Show the difference' }).click()
  await page.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText('2 rules are live: 1 running, 1 waiting.').waitFor()
  await page.getByText('No rule matches these filters.').waitFor()

  await page.getByLabel('Stage', { exact: true }).selectOption('')
  await choose(page, 'packing-speed', 'steam-balance')
  const again = await openDialog(page, 2)
  await again.getByRole('radio', { name: 'trial' }).check()
  await again.getByRole('button', { name: 'Show the difference' }).click()
  await page.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText('2 rules are trial: 1 running, 1 failed.').waitFor()
  const failed = page.getByRole('alert').filter({ hasText: '1 rule has failed:' })
  await failed.getByText(/has no column/).waitFor()
  await failed.getByText(/mend its SQL/).waitFor()
  await audited(page, 'stages-failed')
  assert.deepEqual(problems, [])
  await context.close()
})

test('somebody else was quicker: nothing of either is lost', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/rules`)
  await choose(page, 'overpressure', 'steam-balance')
  const dialog = await openDialog(page, 2)
  await dialog.getByRole('radio', { name: 'trial' }).check()
  await dialog.getByRole('button', { name: 'Show the difference' }).click()
  const review = page.getByRole('dialog', { name: 'Review changes' })
  await review.getByText('rules[steam-balance].stage').waitFor()
  await page.evaluate(async () => {
    const { text, revision } = await (await fetch('/api/v1/config')).json()
    const headers = { 'Content-Type': 'text/yaml', 'X-Tagwerk-Request': '1', 'If-Match': `"${revision}"` }
    await fetch('/api/v1/config', { method: 'PUT', headers, body: text.replace('To be finished', 'Nearly finished') })
  })
  await review.getByRole('button', { name: /^Apply as revision/ }).click()
  await review.getByText('Someone else applied a revision while you edited').waitFor()
  await review.getByRole('button', { name: 'Compare mine with the newer one' }).click()
  await review.getByText('Someone else applied a revision while you edited').waitFor({ state: 'detached' })
  await review.getByRole('button', { name: /^Apply as revision/ }).click()
  await page.getByText('2 rules are trial: 2 running.').waitFor()
  const text = await configText(page)
  assert.match(text, /Nearly finished/)
  assert.match(text, /- name: steam-balance\n    stage: trial\n/)
  assert.deepEqual(problems.filter((each) => !each.includes('412')), [])
  await context.close()
})

test('with the keyboard alone, from the boxes to the difference and back', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/rules`)
  await row(page, 'overpressure').waitFor()
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '')
  const tabTo = (what) => until(`the focus on ${what}`, async () => {
    if (what.test(await focused())) return true
    await page.keyboard.press('Tab')
    return what.test(await focused())
  })
  await tabTo(/^Choose all of this page$/)
  await page.keyboard.press('Space')
  await page.getByText('6 rules are chosen.').waitFor()
  await tabTo(/^Choose film-left$/)
  await page.keyboard.press('Space')
  await page.getByText('5 rules are chosen.').waitFor()
  assert.equal(await page.getByRole('checkbox', { name: 'Choose all of this page' }).first().evaluate((each) => each.indeterminate), true)
  await tabTo(/^Change stage…$/)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Change the stage: 5 rules' }).waitFor()
  await until('the focus in the dialog', async () => (await focused()).startsWith('Change the stage'))
  await page.keyboard.press('Escape')
  await until('the focus back', async () => /^Change stage…$/.test(await focused()))
  await tabTo(/^Choose none$/)
  await page.keyboard.press('Enter')
  assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('all that match are chosen, also on other pages; another filter begins anew', async () => {
  await control('scenario/large')
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/rules?label=battery`)
  await page.getByRole('checkbox', { name: 'Choose all of this page' }).first().check()
  await page.getByText('100 rules are chosen.').waitFor()
  await page.getByRole('button', { name: 'Choose all 240 rules that match' }).click()
  await page.getByText('240 rules are chosen, 140 of them on other pages.').waitFor()
  await audited(page, 'stages-all')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText(/^101 to 200/).waitFor()
  await until('those of the second page', async () => (await page.getByRole('checkbox', { checked: true }).count()) >= 100)
  const dialog = await openDialog(page, 240)
  await dialog.getByText('and 232 others').waitFor()
  await page.keyboard.press('Escape')
  await page.getByLabel('Stage', { exact: true }).selectOption('live')
  await page.getByText(/rules are chosen/).waitFor({ state: 'detached' })
  assert.deepEqual(problems, [])
  await context.close()
})

for (const [width, size] of [['desktop', desktop], ['phone', phone]]) {
  for (const scheme of ['light', 'dark']) {
    test(`choosing rules at ${size.width} px, ${scheme}`, async () => {
      await control('scenario/faults')
      const { page, context, problems } = await visit('max', { size, scheme, touch: width !== 'desktop' })
      await page.goto(`${base}/rules`)
      await choose(page, 'overpressure', 'follow-pressure')
      await audited(page, `stages-${width}-${scheme}`)
      const dialog = await openDialog(page, 2)
      await dialog.getByRole('radio', { name: 'live' }).check()
      await audited(page, `stages-dialog-${width}-${scheme}`)
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
