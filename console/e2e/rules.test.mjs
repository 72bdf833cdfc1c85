// Rules on a real edge: the demo's boiler gets too hot, an alarm is raised and published, the burner is
// taken back, and the same rule is tried over the day before.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'

import { base, signedIn } from './browser.mjs'
import { until } from './until.mjs'

const visit = signedIn()

const get = async (page, path) => (await page.request.get(`${base}/api/v1${path}`)).json()

/** What the browser's own requests carry against forgery. */
const post = (page, path, data) =>
  page.evaluate(
    async ([url, body]) => {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'X-Tagwerk-Request': '1' }, body: JSON.stringify(body) })
      return { status: answer.status, body: await answer.json().catch(() => null) }
    },
    [`${base}/api/v1${path}`, data],
  )

const tag = async (page, device, name) => get(page, `/devices/${device}/tags/${name}`)

test('a boiler that gets too hot raises an alarm that is published, and its burner is taken back', async () => {
  const { page, context } = await visit()
  await page.goto(`${base}/rules`)
  await page.getByRole('link', { name: 'overheat', exact: true }).waitFor()
  await page.getByRole('link', { name: 'ease-off', exact: true }).waitFor()
  const rule = await until('the rule gives rows', async () => {
    const one = await get(page, '/rules/overheat')
    return one.rows_out > 0 && one.state === 'running' ? one : null
  })
  assert.deepEqual(rule.columns.map((column) => column.name), ['temperature', 'hot', 'modulation'])

  const sinks = (await get(page, '/sinks')).items
  const published = sinks.some((sink) => sink.name === 'broker')
  const config = await (await page.request.get(`${base}/api/v1/config`)).text()
  const url = /mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(config)
  let heard = ''
  const listener = published && url !== null ? spawn('mosquitto_sub', ['-h', '127.0.0.1', '-p', url[1], '-t', 'plant/#']) : null
  listener?.stdout.on('data', (part) => (heard += part))

  const written = await post(page, '/commands', { device: 'boiler-1', tag: 'pressure_setpoint', value: 11 })
  assert.ok(written.status < 300, JSON.stringify(written))
  const raised = await until(
    'the alarm is raised',
    async () => (await get(page, '/alarms?state=open')).items.find((alarm) => alarm.name === 'overheat') ?? null,
    240_000,
  )
  assert.equal(raised.priority, 'high')
  await page.goto(`${base}/alarms`)
  await page.getByText('Boiler 1 is too hot').first().waitFor()
  await until('the burner is taken back', async () => (await tag(page, 'boiler-1', 'modulation_max')).value === 40, 60_000)
  if (listener !== null) {
    await until('the alarm is published', async () => heard.includes('true'), 30_000)
    listener.kill()
  }
  await post(page, '/commands', { device: 'boiler-1', tag: 'pressure_setpoint', value: 8 })
  await context.close()
})

test('a rule is tried over the day before, and over a span that was live it gives what it gave', async () => {
  const { page, context } = await visit()
  await page.goto(`${base}/rules`)
  // From the second window on that the rule itself has seen whole.
  const { sql, newest } = await until('the rule has given some rows', async () => {
    const one = await get(page, '/rules/overheat')
    return one.newest.rows.length > 5 ? one : null
  }, 120_000)
  const begun = Date.parse(newest.rows[1].time)
  const day = 86_400_000
  const past = await post(page, '/rules/trial', { sql, from: new Date(Date.now() - day).toISOString(), to: new Date(Date.now() - day / 24).toISOString(), limit: 1000 })
  assert.equal(past.status, 200, JSON.stringify(past))
  assert.ok(past.body.rows_in > 1000 && past.body.rows.length > 100, JSON.stringify(past.body).slice(0, 400))
  const live = await post(page, '/rules/trial', { name: 'overheat', sql, from: new Date(begun).toISOString(), to: new Date(Date.now() - 5_000).toISOString() })
  assert.equal(live.status, 200, JSON.stringify(live))
  const { compared } = live.body
  assert.ok(compared.same > 0 && compared.only_trial === 0 && compared.only_live === 0, JSON.stringify(compared))
  await context.close()
})
