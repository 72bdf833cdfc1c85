// Alarms as a form, against the mock: made, seen as they would be, changed with what is beside them kept, removed.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { until } from '../until.mjs'
import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('max', 'otto')

// By way of an empty edge, so that each test has the configuration of the start.
beforeEach(async () => {
  await control('scenario/empty')
  await control('scenario/healthy')
})

const configText = (page) => page.evaluate(async () => (await (await fetch('/api/v1/config')).json()).text)
const preview = (page) => page.getByRole('region', { name: 'Now', exact: true })
const definitions = (page) => page.getByRole('region', { name: 'Definitions' })
const save = (page) => page.getByRole('button', { name: 'Review and save' })

async function apply(page) {
  await page.getByRole('dialog', { name: 'Review changes' }).getByRole('button', { name: /^Apply as revision/ }).click()
  await definitions(page).waitFor()
}

test('an alarm is made from the page of alarms, and would be active now', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms`)
  await page.getByRole('link', { name: 'New alarm' }).click()
  await page.getByRole('heading', { name: 'New alarm' }).waitFor()
  await preview(page).getByText('Choose a tag: its value shows up here').waitFor()
  await audited(page, 'alarm-new-empty')
  await save(page).click()
  await page.getByText('Choose a tag first.').first().waitFor()
  await page.getByText('Enter the limit.').waitFor()
  await page.getByLabel('Tag', { exact: true }).fill('boiler-*/drum_pressure')
  await preview(page).getByText('2 tags are watched').waitFor()
  await page.getByLabel('Limit in bar').fill('7,5')
  await page.getByText(/with a point as the decimal sign/).first().waitFor()
  await page.getByLabel('Limit in bar').fill('7.5')
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'drum_pressure-high', 'a name is proposed')
  await preview(page).getByText(/bar is above 7\.5 bar\. The alarm would be active now\./).first().waitFor()
  await page.getByLabel('On delay').fill('10s')
  await preview(page).getByText(/It is raised once that lasts for 10s\./).first().waitFor()
  await page.getByLabel('On delay').fill('')
  await page.getByLabel('Limit in bar').fill('70')
  await preview(page).getByText('not met').first().waitFor()
  await page.getByLabel('Limit in bar').fill('7.5')
  await page.getByLabel('Hysteresis in bar').fill('0.1')
  await page.getByLabel('Priority').selectOption('high')
  await page.getByLabel('Text (optional)').fill('Pressure above 7.5 bar')
  await page.getByRole('checkbox', { name: 'Stays until somebody resets it' }).check()
  await audited(page, 'alarm-new-filled')
  await save(page).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('alarms[drum_pressure-high].limit').waitFor()
  assert.equal(await dialog.getByLabel('Comment').inputValue(), 'New alarm drum_pressure-high')
  await apply(page)
  await definitions(page).getByRole('link', { name: 'drum_pressure-high' }).waitFor()
  await audited(page, 'alarm-definitions')
  assert.match(await configText(page), /\n {2}- name: drum_pressure-high\n {4}tags: \[ "boiler-\*\/drum_pressure" \]\n {4}condition: above\n {4}limit: 7\.5\n {4}hysteresis: 0\.1\n {4}priority: high\n {4}latching: true\n {4}text: Pressure above 7\.5 bar\n/)
  await page.getByRole('link', { name: 'Now', exact: true }).click()
  await page.getByRole('region', { name: 'Alarms', exact: true }).getByText('Pressure above 7.5 bar').first().waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('from a tag the form begins with it, and with what fits its type', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/devices/boiler-1?tag=burner_on`)
  await page.getByRole('link', { name: 'Add an alarm' }).click()
  await page.getByRole('heading', { name: 'New alarm' }).waitFor()
  assert.equal(await page.getByLabel('Tag', { exact: true }).inputValue(), 'boiler-1/burner_on')
  assert.equal(await page.getByLabel('Raised when the value is').inputValue(), 'equals')
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'burner_on-state')
  await page.getByLabel('Compared with').selectOption('false (off)')
  await preview(page).getByText(/It is (true|false)\./).waitFor()
  await page.getByLabel('Raised when the value is').selectOption('above')
  await page.getByLabel('Limit', { exact: true }).fill('1')
  await page.getByText('`boiler-1/burner_on`'.replaceAll('`', '')).last().waitFor()
  await page.getByText(/never has such a value\. Choose tags of a fitting type/).waitFor()
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'burner_on-high', 'the proposed name follows')
  await audited(page, 'alarm-warning')
  await page.getByLabel('Raised when the value is').selectOption('deviation')
  await page.getByLabel('Compared with').fill('no_such_tag')
  await page.getByLabel('Distance').fill('1')
  await page.getByText(/has no tag no_such_tag/).waitFor()
  await page.getByText('Mend 1 finding first.').waitFor()
  await page.getByLabel('Compared with').fill('burner_enable')
  await page.getByText('Mend 1 finding first.').waitFor({ state: 'detached' })
  await page.reload()
  await page.getByRole('button', { name: 'Discard changes' }).waitFor()
  assert.equal(await page.getByLabel('Compared with').inputValue(), 'burner_enable', 'what was typed outlasts a reload')
  await page.getByRole('button', { name: 'Discard changes' }).click()
  assert.equal(await page.getByLabel('Raised when the value is').inputValue(), 'equals')
  assert.deepEqual(problems.filter((each) => !each.includes('no_such_tag')), [])
  await context.close()
})

test('every kind of condition shows what it needs and is judged', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/new?tag=${encodeURIComponent('boiler-1/drum_pressure')}`)
  const kind = page.getByLabel('Raised when the value is')
  const cases = [
    ['below', { 'Limit in bar': '1' }, /is not below 1 bar/],
    ['outside', { 'Lower limit in bar': '1', 'Upper limit in bar': '20' }, /is within 1 to 20 bar/],
    ['equals', {}, /It is \d/],
    ['rising', { 'Change in bar': '50', Span: '1m' }, /It (rose|fell) by/],
    ['falling', { 'Change in bar': '50', Span: '1m' }, /It (rose|fell) by/],
    ['deviation', { 'Distance in bar': '5', 'Compared with': 'pressure_setpoint' }, /bar is .* bar from .* bar\./],
    ['bad', {}, /The quality is good\./],
    ['stale', { 'For how long': '5m' }, /The last good value is/],
  ]
  for (const [condition, fields, words] of cases) {
    await kind.selectOption(condition)
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
    await preview(page).getByText(words).waitFor()
  }
  await page.getByRole('checkbox', { name: /^Nobody is told while another tag/ }).check()
  await page.getByLabel('This tag').fill('burner_on')
  await page.getByText('More', { exact: true }).click()
  await page.getByLabel('Off delay').fill('30s')
  assert.equal(await page.getByLabel('Met in').count(), 0, 'not for what is missing')
  await kind.selectOption('above')
  await page.getByLabel('Limit in bar').fill('9')
  await page.getByLabel('Met in').fill('5')
  await page.getByLabel('Of the last', { exact: true }).fill('3')
  await save(page).click()
  await page.getByText('Write two whole numbers, such as 3 of 5; at most 64.').first().waitFor()
  await audited(page, 'alarm-more')
  await page.getByLabel('Met in').fill('3')
  await page.getByLabel('Of the last', { exact: true }).fill('5')
  await save(page).click()
  await apply(page)
  assert.match(await configText(page), /off_delay: 30s\n {4}samples: \[ 3, 5 \]\n {4}suppress_when: \{ tag: burner_on, equals: false \}\n/)
  assert.deepEqual(problems, [])
  await context.close()
})

test('an alarm is changed with its comments kept, and removed', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/definitions`)
  await definitions(page).getByRole('row').nth(5).waitFor()
  await page.getByLabel('Filter definitions by text').fill('pressure')
  await until('one definition', async () => (await definitions(page).getByRole('row').count()) === 2)
  await definitions(page).getByRole('link', { name: 'pressure-high' }).click()
  await page.getByRole('heading', { name: 'pressure-high', level: 1 }).waitFor()
  await page.getByText('Nothing is changed yet.').waitFor()
  await page.getByLabel('Limit in bar').fill('9')
  await audited(page, 'alarm-edit')
  await save(page).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByRole('heading', { name: '1 change' }).waitFor()
  await dialog.getByText('alarms[pressure-high].limit').waitFor()
  await apply(page)
  assert.match(await configText(page), /limit: 9 # by the boiler's papers\n/)

  await page.goto(`${base}/alarms/definitions/film-torn`)
  await page.getByRole('button', { name: 'Remove film-torn…' }).click()
  await dialog.getByText('alarms[film-torn].name').waitFor()
  await apply(page)
  await definitions(page).getByRole('link', { name: 'film-torn' }).waitFor({ state: 'detached' })
  assert.doesNotMatch(await configText(page), /film-torn/)
  assert.deepEqual(problems, [])
  await context.close()
})

/** What somebody else applies meanwhile. */
const limitElsewhere = (page) =>
  page.evaluate(async () => {
    const { text, revision } = await (await fetch('/api/v1/config')).json()
    const headers = { 'Content-Type': 'text/yaml', 'X-Tagwerk-Request': '1', 'If-Match': `"${revision}"` }
    await fetch('/api/v1/config', { method: 'PUT', headers, body: text.replace('limit: 2\n', 'limit: 3\n') })
  })

test('somebody else was quicker: nothing of either is lost', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/definitions/oxygen-low`)
  await page.getByLabel('Response (optional)').fill('Call the burner service')
  await save(page).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('alarms[oxygen-low].response').waitFor()
  await limitElsewhere(page)
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await dialog.getByText('Someone else applied a revision while you edited').waitFor()
  await dialog.getByRole('button', { name: 'Compare mine with the newer one' }).click()
  await dialog.getByText('Someone else applied a revision while you edited').waitFor({ state: 'detached' })
  await apply(page)
  const text = await configText(page)
  assert.match(text, /response: Call the burner service\n/)
  assert.deepEqual(problems.filter((each) => !each.includes('412')), [])
  await context.close()
})

test('somebody else was quicker: what was typed is given up for theirs', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/definitions/oxygen-low`)
  await page.getByLabel('Response (optional)').fill('Call the burner service')
  await save(page).click()
  const dialog = page.getByRole('dialog', { name: 'Review changes' })
  await dialog.getByText('alarms[oxygen-low].response').waitFor()
  await limitElsewhere(page)
  await dialog.getByRole('button', { name: /^Apply as revision/ }).click()
  await dialog.getByRole('button', { name: 'Discard mine, load the newer one' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByText('Nothing is changed yet.').waitFor()
  await until('the newer limit', async () => (await page.getByLabel('Limit in %').inputValue()) === '3')
  assert.notEqual(await page.getByLabel('Response (optional)').inputValue(), 'Call the burner service')
  assert.deepEqual(problems.filter((each) => !each.includes('412')), [])
  await context.close()
})

test('what is no alarm of the configuration is said, with where it is', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/definitions/overpressure`)
  await page.getByText('overpressure is raised by the rule overpressure').waitFor()
  await page.getByRole('link', { name: 'Open the rule' }).waitFor()
  await page.goto(`${base}/alarms/definitions/frozen`)
  await page.getByText('The configuration has no alarm frozen').waitFor()
  await audited(page, 'alarm-not-here')
  assert.deepEqual(problems, [])
  await context.close()
})

test('who may not define alarms sees them, and is told why', async () => {
  const { page, context, problems } = await visit('otto')
  await page.goto(`${base}/alarms/definitions`)
  await page.getByText('Defining alarms needs the role engineer; you are viewer.').waitFor()
  assert.equal(await page.getByRole('link', { name: 'New alarm' }).count(), 0)
  await definitions(page).getByRole('link', { name: 'pressure-high' }).click()
  await page.getByText('Changing alarms needs the role engineer; you are viewer.').waitFor()
  await page.getByRole('region', { name: 'Settings of pressure-high' }).getByText(/condition: above/).waitFor()
  await preview(page).getByText(/bar is not above 8\.5 bar/).first().waitFor()
  assert.equal(await save(page).count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Remove/ }).count(), 0)
  await audited(page, 'alarm-viewer')
  await page.goto(`${base}/alarms/new`)
  await page.getByText('Defining alarms needs the role engineer; you are viewer.').waitFor()
  await page.goto(`${base}/devices/boiler-1?tag=drum_pressure`)
  await page.getByText('Last samples').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Add an alarm' }).count(), 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('without alarms the pages say what to do first', async () => {
  await control('scenario/empty')
  const { page, context, problems } = await visit('max')
  await page.goto(`${base}/alarms/definitions`)
  await page.getByRole('heading', { name: 'No alarm is configured yet' }).waitFor()
  await page.getByRole('link', { name: 'add one first' }).waitFor()
  await audited(page, 'alarm-definitions-empty')
  await page.getByRole('link', { name: 'Add the first alarm' }).click()
  await page.getByRole('heading', { name: 'New alarm' }).waitFor()
  await page.getByLabel('Tag', { exact: true }).fill('pump/speed')
  await preview(page).getByText('No device has such a tag now.').waitFor()
  assert.deepEqual(problems.filter((each) => !each.includes('404')), [])
  await context.close()
})

const pages = [
  ['alarm-new', `/alarms/new?tag=${encodeURIComponent('boiler-1/drum_pressure')}`, (page) => preview(page).getByText('1 tag is watched').waitFor()],
  ['alarm-edit', '/alarms/definitions/pressure-high', (page) => preview(page).getByText('2 tags are watched').waitFor()],
  ['alarm-edit-more', '/alarms/definitions/oxygen-low', async (page) => {
    await preview(page).getByText('2 tags are watched').waitFor()
    await page.getByLabel('Of the last', { exact: true }).scrollIntoViewIfNeeded()
  }],
  ['alarm-edit-end', '/alarms/definitions/film-torn', async (page) => {
    await preview(page).getByText('1 tag is watched').waitFor()
    await page.getByRole('heading', { name: 'Remove this alarm' }).scrollIntoViewIfNeeded()
  }],
  ['alarm-definitions', '/alarms/definitions', (page) => definitions(page).getByRole('link', { name: 'lost' }).waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }], ['tablet', { width: 760, height: 900 }]]) {
  for (const scheme of width === 'small' || width === 'tablet' ? ['light'] : ['light', 'dark']) {
    test(`the form of an alarm at ${size.width} px, ${scheme}`, async () => {
      await control('scenario/faults')
      const { page, context, problems } = await visit('max', { size, scheme, touch: width !== 'desktop' })
      for (const [name, path, ready] of pages) {
        await page.goto(base + path)
        await ready(page)
        await audited(page, `${name}-${width}-${scheme}`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
