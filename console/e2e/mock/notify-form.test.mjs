// Channels and routes as forms, against the mock: added, tested, changed with what is beside them kept, removed.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { audited, base, control, desktop, phone, visitors } from './rig.mjs'

const visit = visitors('anna', 'max', 'otto')
const address = `${base}/alarms/notifications`

// By way of an empty edge, so that each test has the configuration of the start.
beforeEach(async () => {
  await control('scenario/empty')
  await control('scenario/healthy')
})

const configText = (page) => page.evaluate(async () => (await (await fetch('/api/v1/config')).json()).text)
const channel = (page, name) => page.getByRole('listitem', { name: `Channel ${name}` })
const route = (page, name) => page.getByRole('listitem', { name: `Route ${name}` })
const save = (page) => page.getByRole('button', { name: 'Review and save' })
const review = (page) => page.getByRole('dialog', { name: 'Review changes' })

async function apply(page) {
  await review(page).getByRole('button', { name: /^Apply as revision/ }).click()
  await review(page).waitFor({ state: 'detached' })
}

test('the first mail: channel, secret, route and test', async () => {
  await control('scenario/empty')
  const { page, context, problems } = await visit('anna')
  await page.goto(address)
  await page.getByRole('heading', { name: 'Nobody is told of alarms yet' }).waitFor()
  await audited(page, 'notify-first-desktop')
  await page.getByRole('link', { name: 'Add the first channel' }).click()
  await page.getByRole('heading', { name: 'New channel', level: 1 }).waitFor()
  await save(page).click()
  await page.getByText('Enter a name.').first().waitFor()
  await page.getByText('This is needed.').first().waitFor()
  await audited(page, 'notify-channel-new')
  await page.getByLabel('Name', { exact: true }).fill('shift')
  await page.getByLabel('Server').fill('mail.plant.example')
  await page.getByLabel('From').fill('tagwerk')
  await page.getByRole('button', { name: 'Add to To' }).click()
  await page.getByLabel('To 1').fill('shift@plant.example')
  await page.getByText('`tagwerk` is no address'.replaceAll('`', '')).or(page.getByText(/is no address\. Write one such as/)).first().waitFor()
  await page.getByText('Mend 1 finding first.').waitFor()
  await page.getByLabel('From').fill('tagwerk@plant.example')
  await page.getByText('Mend 1 finding first.').waitFor({ state: 'detached' })
  await page.getByText(/more settings, with defaults/).click()
  await page.getByRole('button', { name: 'Set a new secret for Password' }).click()
  await page.getByLabel('Name of the secret').fill('smtp')
  await page.getByLabel('Secret value').fill('very secret')
  await page.getByRole('button', { name: 'Store the secret' }).click()
  await page.getByRole('button', { name: 'Set a new secret for Password' }).waitFor()
  await save(page).click()
  await review(page).getByText('notify.channels[shift].settings.server').waitFor()
  await review(page).getByText('notify.routes[all].to[0]').waitFor()
  await apply(page)
  await page.getByRole('heading', { name: 'shift', level: 1 }).waitFor()
  await page.getByRole('button', { name: 'Send a test by shift' }).click()
  await page.getByText('The test was taken.').waitFor()
  await audited(page, 'notify-channel-tested')
  assert.match(await configText(page), /notify:\n {2}channels:\n {4}- name: shift\n {6}kind: email\n {6}settings:\n {8}server: mail\.plant\.example\n[\s\S]*password:\n {10}secret: smtp\n[\s\S]* {2}routes:\n {4}- name: all\n {6}to: \[ shift \]\n/)
  const kept = await page.evaluate(() => JSON.stringify(sessionStorage))
  assert.doesNotMatch(kept, /very secret/)
  assert.deepEqual(problems.filter((each) => !each.includes('404')), [])
  await context.close()
})

test('a channel is changed with its comments kept, and tested only as it runs', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(address)
  await page.getByRole('link', { name: 'Change the channel shift-mail' }).click()
  await page.getByRole('heading', { name: 'shift-mail', level: 1 }).waitFor()
  await page.getByLabel('To 2').fill('hall-2@plant.example')
  await page.getByText('Save the changes first: a test goes by what runs.').waitFor()
  await audited(page, 'notify-channel-edit')
  await save(page).click()
  await review(page).getByText('notify.channels[shift-mail].settings.to[1]').waitFor()
  await apply(page)
  await page.getByText('Nothing is changed yet.').waitFor()
  assert.match(await configText(page), /server: mail\.plant\.example # in hall 1\n/)
  assert.equal(await page.getByLabel('To 2').inputValue(), 'hall-2@plant.example')
  assert.deepEqual(problems, [])
  await context.close()
})

test('a webhook is text or a secret; a channel is removed once no route names it', async () => {
  const { page, context, problems } = await visit('anna')
  await page.goto(`${address}/new-channel`)
  await page.getByLabel('Name', { exact: true }).fill('chat')
  await page.getByLabel('How people are told').selectOption('webhook')
  await page.getByLabel('Url as text').fill('https://chat.example/hook')
  await save(page).click()
  await review(page).getByText('no route leads to the channel').waitFor()
  await apply(page)
  await page.getByRole('heading', { name: 'chat', level: 1 }).waitFor()
  await page.getByRole('checkbox', { name: 'Held in a secret of the edge' }).check()
  await save(page).click()
  await page.getByText('Choose a stored secret, or set a new one.').first().waitFor()
  await page.getByRole('button', { name: 'Discard changes' }).click()
  assert.match(await configText(page), /- name: chat\n {6}kind: webhook\n {6}settings:\n {8}url: "https:\/\/chat\.example\/hook"\n/)
  await page.getByRole('button', { name: 'Remove chat…' }).click()
  await apply(page)
  await channel(page, 'shift-mail').waitFor()
  await channel(page, 'chat').waitFor({ state: 'detached' })
  await page.goto(`${address}/channels/pager`)
  await page.getByRole('button', { name: 'Remove pager…' }).click()
  await review(page).getByText('there is no channel').waitFor()
  await review(page).getByText('Mend the errors first.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('a route says which alarms, to whom, when, and when not', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(address)
  await page.getByRole('link', { name: 'New route' }).click()
  await page.getByRole('heading', { name: 'New route', level: 1 }).waitFor()
  await save(page).click()
  await page.getByText('Choose at least one channel.').first().waitFor()
  const chosen = page.getByRole('region', { name: 'Alarms it tells of' })
  await chosen.getByText('6 of 6 definitions').waitFor()
  await page.getByLabel('Name', { exact: true }).fill('night')
  await page.getByLabel('From priority').selectOption('high')
  await chosen.getByText('3 of 6 definitions').waitFor()
  await page.getByLabel('Names of alarms').fill('over*, pressure-*')
  await chosen.getByText('2 of 6 definitions').waitFor()
  await page.getByRole('button', { name: 'Add a tag' }).click()
  await page.getByLabel('Tag', { exact: true }).fill('boiler-1/*')
  await page.getByRole('group', { name: 'Told by' }).first().getByRole('checkbox', { name: 'shift-mail' }).check()
  await page.getByLabel('Delay (optional)').fill('1m')
  await page.getByLabel('Repeated every').fill('10s')
  await page.getByRole('checkbox', { name: 'Also told when it is over' }).check()
  await page.getByRole('button', { name: 'Tell somebody else' }).click()
  const level = page.getByRole('group', { name: 'Level 2' })
  await level.getByLabel('After').fill('30s')
  await level.getByRole('checkbox', { name: 'chief-mail' }).check()
  await page.getByRole('button', { name: 'Add quiet hours' }).click()
  const quiet = page.getByRole('group', { name: 'Quiet hours 1' })
  for (const day of ['Sat', 'Sun']) await quiet.getByRole('checkbox', { name: day }).uncheck()
  await save(page).click()
  await page.getByText('Choose a time from 1m to a month (31d).').first().waitFor()
  await level.getByText(/later than the level before/).waitFor()
  await audited(page, 'notify-route-wrong')
  await page.getByLabel('Repeated every').fill('15m')
  await level.getByLabel('After').fill('10m')
  await save(page).click()
  await review(page).getByText('notify.routes[night].min_priority').waitFor()
  await apply(page)
  await route(page, 'night').getByText('chief-mail after 10 min without an acknowledgement').waitFor()
  assert.match(await configText(page), / {4}- name: night\n {6}alarms: \[ "over\*", "pressure-\*" \]\n {6}tags: \[ "boiler-1\/\*" \]\n {6}min_priority: high\n {6}to: \[ shift-mail \]\n {6}also: \[ cleared \]\n {6}after: 1m\n {6}repeat: 15m\n {6}escalate:\n {8}- \{ after: 10m, to: \[ chief-mail \] \}\n {6}quiet:\n {8}- \{ days: \[ mon, tue, wed, thu, fri \], from: "22:00", to: "06:00" \}\n/)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a route is changed with its comments kept, paused and removed; the time zone is set', async () => {
  const { page, context, problems } = await visit('max')
  await page.goto(address)
  await page.getByRole('link', { name: 'Change the route boilers' }).click()
  await page.getByLabel('Repeated every').fill('20m')
  await save(page).click()
  await review(page).getByRole('heading', { name: '1 change' }).waitFor()
  await apply(page)
  await route(page, 'boilers').getByText(/repeated every 20 min/).waitFor()
  assert.match(await configText(page), /# wakes people\n/)
  await page.getByRole('link', { name: 'Change the route rest' }).click()
  await page.getByRole('checkbox', { name: 'Enabled: people are told by this route' }).uncheck()
  await page.getByText('The route is not enabled: nobody is told.').waitFor()
  await save(page).click()
  await apply(page)
  await page.getByText('Not enabled:').waitFor()
  await page.getByRole('link', { name: 'rest', exact: true }).click()
  await page.getByRole('button', { name: 'Remove rest…' }).click()
  await apply(page)
  await page.getByText('Not enabled:').waitFor({ state: 'detached' })

  await page.getByRole('link', { name: 'Time zone and links' }).click()
  await page.getByLabel('Time zone (optional)').fill('Europe/Belin')
  await page.getByText(/There is no time zone/).waitFor()
  await audited(page, 'notify-settings')
  await page.getByLabel('Time zone (optional)').fill('Europe/Vienna')
  await page.getByLabel('Address of this console').fill('https://press-1.plant.example')
  await page.getByText('Mend 1 finding first.').waitFor({ state: 'detached' })
  await save(page).click()
  await apply(page)
  await page.getByText('Times are of Europe/Vienna.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('who may not change them is told why', async () => {
  const { page, context, problems } = await visit('otto')
  await page.goto(address)
  await channel(page, 'pager').waitFor()
  assert.equal(await page.getByRole('link', { name: /^(Change|New)/ }).count(), 0)
  await page.goto(`${address}/channels/pager`)
  await page.getByText('Changing channels needs the role engineer; you are viewer.').waitFor()
  await page.goto(`${address}/routes/boilers`)
  await page.getByText('Changing routes needs the role engineer; you are viewer.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

const pages = [
  ['notify', '', (page) => route(page, 'rest').waitFor()],
  ['notify-channel-new', '/new-channel', (page) => page.getByLabel('Server').waitFor()],
  ['notify-channel', '/channels/shift-mail', (page) => page.getByLabel('To 2').waitFor()],
  ['notify-channel-secret', '/channels/pager', (page) => page.getByRole('heading', { name: 'Test' }).waitFor()],
  ['notify-route', '/routes/boilers', (page) => page.getByRole('group', { name: 'Level 2' }).waitFor()],
  ['notify-route-whom', '/routes/boilers', (page) => page.getByRole('group', { name: 'Level 2' }).scrollIntoViewIfNeeded()],
  ['notify-route-quiet', '/routes/rest', (page) => page.getByRole('group', { name: 'Quiet hours 2' }).scrollIntoViewIfNeeded()],
  ['notify-settings', '/settings', (page) => page.getByLabel('Time zone (optional)').waitFor()],
]

for (const [width, size] of [['desktop', desktop], ['phone', phone], ['small', { width: 360, height: 740 }], ['tablet', { width: 760, height: 900 }]]) {
  for (const scheme of width === 'small' || width === 'tablet' ? ['light'] : ['light', 'dark']) {
    test(`channels and routes at ${size.width} px, ${scheme}`, async () => {
      await control('scenario/faults')
      const { page, context, problems } = await visit('max', { size, scheme, touch: width !== 'desktop' })
      for (const [name, path, ready] of pages) {
        await page.goto(address + path)
        await ready(page)
        await audited(page, `${name}-${width}-${scheme}`)
      }
      assert.deepEqual(problems, [])
      await context.close()
    })
  }
}
