import { expect, test } from 'vitest'
import { parse } from 'yaml'

import type { Finding, Sample } from '../api/types'
import { alarmOn, alarmProblems, located, proposedName } from './alarmCheck'
import { alarmConditions, alarmIn, definedIn, emptyAlarm, otherKeys, ruleAlarmsIn, withAlarm, type AlarmForm } from './alarmForm'
import { compare, consequence, judge, type Now } from './alarmJudge'
import { withoutItem } from './document'
import { chooses, exactOf, literalOf, patternOf } from './pattern'

const text = `version: 1
devices:
  - name: boiler-1 # steam
alarms:
  # Watches the drum.
  - name: hot
    tags: ["boiler-*/temperature"]
    condition: above
    limit: 95.0 # from the manual
    hysteresis: 2
    on_delay: 5s
    priority: medium
    owner: anna # not known to forms
    response: >-
      Close valve V3,
      then look
  - { name: counted, tags: ["a/b"], condition: equals, value: 18446744073709551615, latching: true }
  - name: off
    tags:
      - press-*/temperature # both
    condition: deviation
    limit: 5
    reference: setpoint
    suppress_when: { tag: running, equals: false }
rules:
  - name: r
    actions: [{ alarm: { column: x } }, { alarm: { column: y, name: second } }]
`

const alarm = (name = 'hot') => alarmIn(text, name) ?? emptyAlarm
const problems = (form: Partial<AlarmForm>) => Object.fromEntries(alarmProblems({ ...emptyAlarm, name: 'a', tags: ['x/y'], limit: '1', ...form }, new Set(['taken'])))

test('an alarm is read from the configuration, with all digits', () => {
  expect(alarm()).toEqual({ ...emptyAlarm, name: 'hot', tags: ['boiler-*/temperature'], limit: '95.0', hysteresis: '2', onDelay: '5s', response: 'Close valve V3, then look' })
  expect(alarm('counted')).toMatchObject({ condition: 'equals', value: { kind: 'number', text: '18446744073709551615' }, latching: true })
  expect(alarm('off')).toMatchObject({ reference: 'setpoint', suppress: true, suppressTag: 'running', suppressValue: { kind: 'false', text: '' } })
  expect(alarmIn(text, 'nobody')).toBeUndefined()
  expect(alarmIn('alarms: [{name: a, tags: b, condition: above}]', 'a')).toBeUndefined()
  expect(alarmIn('alarms: [{name: a, tags: [b], condition: odd}]', 'a')).toBeUndefined()
  expect(otherKeys(text, 'hot')).toEqual(['owner'])
})

test('only what differs is written: comments, layout and unknown keys stay', () => {
  for (const name of ['hot', 'counted', 'off']) expect(parse(withAlarm(text, alarm(name)), { intAsBigInt: true })).toEqual(parse(text, { intAsBigInt: true }))
  const after = withAlarm(text, { ...alarm(), limit: '90', priority: 'critical' })
  for (const kept of ['# steam', '# Watches the drum.', 'limit: 90 # from the manual', 'owner: anna # not known to forms', 'priority: critical', 'then look', 'value: 18446744073709551615']) expect(after).toContain(kept)
  expect(withAlarm(text, { ...alarm('counted'), text: 'All' })).toContain('value: 18446744073709551615, latching: true, text: All }')
  expect(withAlarm(text, { ...alarm('off'), tags: ['press-1/temperature', 'press-2/temperature'] })).toContain('    tags:\n      - press-1/temperature\n      - press-2/temperature\n')
})

test('another condition takes its keys, and leaves those of the one before', () => {
  const after = withAlarm(text, { ...alarm(), condition: 'outside', low: '1', high: '5.5' })
  expect(parse(after).alarms[0]).toMatchObject({ condition: 'outside', range: [1, 5.5], hysteresis: 2, owner: 'anna' })
  expect(parse(after).alarms[0]).not.toHaveProperty('limit')
  const bad = withAlarm(text, { ...alarm(), condition: 'bad', samplesMet: '3', samplesOf: '5', acknowledge: false, onDelay: '' })
  expect(parse(bad).alarms[0]).toEqual({ name: 'hot', tags: ['boiler-*/temperature'], condition: 'bad', priority: 'medium', owner: 'anna', response: 'Close valve V3, then look', samples: [3, 5], acknowledge: false })
})

test.each(alarmConditions)('a new alarm of the condition %s comes behind the last, or makes the list', (condition) => {
  const form: AlarmForm = { ...emptyAlarm, name: 'fresh', tags: ['a/b', ' ', 'c*/d'], condition, limit: '7', low: '1', high: '2', value: { kind: 'text', text: 'on' }, after: '5m', per: '1m', reference: 'x/y', text: 'Ü: #1', suppress: true, suppressTag: 'run', suppressValue: { kind: 'number', text: '0' } }
  const after = withAlarm(text, form)
  expect(after.startsWith(text.slice(0, text.indexOf('rules:')))).toBe(true)
  const made = parse(after).alarms[3]
  expect(made).toMatchObject({ name: 'fresh', tags: ['a/b', 'c*/d'], condition, text: 'Ü: #1', suppress_when: { tag: 'run', equals: 0 } })
  for (const before of ['version: 1\ndevices: []\n', 'alarms: []\n', 'alarms: [{ name: a }]\n', 'alarms:\n', '']) {
    expect(parse(withAlarm(before, form)).alarms.at(-1)).toEqual(made)
    expect(alarmIn(withAlarm(before, form), 'fresh')).toMatchObject({ condition, tags: ['a/b', 'c*/d'] })
  }
})

test('an alarm is taken out, and the others stay', () => {
  const after = withoutItem(text, 'alarms', 'hot')
  expect(after).not.toContain('Watches the drum')
  expect(definedIn(after).map((each) => each.name)).toEqual(['counted', 'off'])
})

test('definitions are listed in few words', () => {
  expect(definedIn(text).map((each) => [each.condition, each.priority, each.enabled])).toEqual([['above 95', 'medium', true], [expect.stringMatching(/^is 1844/), 'medium', true], ['more than 5 from setpoint', 'medium', true]])
  expect([...ruleAlarmsIn(text)]).toEqual([['r', { rule: 'r', priority: 'medium' }], ['second', { rule: 'r', priority: 'medium' }]])
  expect(definedIn('alarms: [')).toEqual([])
  expect(definedIn('')).toEqual([])
})

test('what is wrong is said by field', () => {
  expect(problems({})).toEqual({})
  expect(problems({ name: 'taken' })['name']).toMatch(/already/)
  expect(problems({ name: 'a b' })['name']).toMatch(/letters/)
  expect(problems({ tags: ['', ' '] })['tags.0']).toMatch(/tag first/)
  expect(problems({ tags: ['x/y', 'boiler'] })['tags.1']).toMatch(/device and its tag/)
  expect(problems({ limit: '' })['limit']).toBe('Enter the limit.')
  expect(problems({ limit: '9,5' })['limit']).toMatch(/point/)
  expect(problems({ condition: 'rising', limit: '-1' })).toMatchObject({ limit: expect.stringContaining('without a sign'), per: expect.stringContaining('1m') })
  expect(problems({ condition: 'outside', low: '5', high: '1' })['high']).toMatch(/below the lower/)
  expect(problems({ condition: 'outside', low: '1', high: '5', hysteresis: '3' })['hysteresis']).toMatch(/^At most 2/)
  expect(problems({ condition: 'deviation', reference: 'a*/b' })['reference']).toMatch(/one tag/)
  expect(problems({ condition: 'stale', after: '500ms' })['after']).toMatch(/from 1s/)
  expect(problems({ onDelay: '32d' })['on_delay']).toMatch(/month/)
  expect(problems({ samplesMet: '5', samplesOf: '3' })['samples']).toMatch(/3 of 5/)
  expect(problems({ suppress: true })['suppress_when.tag']).toMatch(/Choose a tag/)
  expect(problems({ condition: 'equals', value: { kind: 'number', text: '' } })['value']).toMatch(/number/)
})

const finding = (path: string, problem: string, weight: Finding['weight'] = 'error'): Finding => ({ weight, path, line: 1, column: 1, problem, remedy: 'do this' })

test('findings of the edge stand at the fields they belong to', () => {
  const found = located([finding('alarms[hot].limit', 'the limit -1 is negative'), finding('alarms[hot]', 'the condition `above` has no `limit`'), finding('alarms[hot].tags[1]', '`x` matches no tag', 'warning'), finding('alarms[hot]', 'odd'), finding('alarms[hotter].limit', 'no'), finding('alarms[hot].range', 'empty')], 'alarms[hot]')
  expect(Object.fromEntries(found.errors)).toEqual({ limit: 'The limit -1 is negative. Do this. The condition `above` has no `limit`. Do this.', high: 'Empty. Do this.' })
  expect(Object.fromEntries(found.warnings)).toEqual({ 'tags.1': '`x` matches no tag. Do this.' })
  expect(found.others.map((each) => each.problem)).toEqual(['odd'])
})

test('an alarm of a tag has its usual condition and a name', () => {
  const taken = new Set(['running-state'])
  expect(alarmOn({ device: 'press-1', name: 'running', type: 'bool' }, emptyAlarm, taken)).toMatchObject({ name: 'running-state-2', tags: ['press-1/running'], condition: 'equals', value: { kind: 'true' } })
  expect(alarmOn({ device: 'b', name: 'druck_ü', type: 'float64' }, emptyAlarm, taken)).toMatchObject({ name: 'druck_-high', condition: 'above' })
  expect(proposedName({ tags: ['boiler-?/*'], condition: 'bad' }, taken)).toBe('boiler--bad')
  expect(proposedName({ tags: ['*/*'], condition: 'bad' }, taken)).toBe('')
})

const now = (value: string | null, more: Partial<Now> = {}): Now => ({ text: value, unit: '°C', severity: 'good', ageMs: 1_000, qualitySince: 0, ...more })
const met = (form: Partial<AlarmForm>, value: Now, other?: Now, past?: Sample[]) => judge({ ...emptyAlarm, ...form }, value, 600_000, other, past)

test('whether a condition is met now', () => {
  expect(met({ limit: '95' }, now('95.1'))).toEqual({ met: true, words: '95.1 °C is above 95 °C.' })
  expect(met({ limit: '95' }, now('95'))).toEqual({ met: false, words: '95 °C is not above 95 °C.' })
  expect(met({ limit: '' }, now('95')).met).toBeUndefined()
  expect(met({ limit: '95' }, now('95', { severity: 'bad' })).met).toBeUndefined()
  expect(met({ condition: 'below', limit: '95' }, now('9')).met).toBe(true)
  expect(met({ condition: 'outside', low: '1', high: '5' }, now('5.01')).met).toBe(true)
  expect(met({ condition: 'outside', low: '1', high: '5' }, now('1')).words).toBe('1 °C is within 1 to 5 °C.')
  expect(met({ condition: 'equals', value: { kind: 'false', text: '' } }, now('false')).met).toBe(true)
  expect(met({ condition: 'not_equals', value: { kind: 'text', text: 'auto' } }, now('hand')).met).toBe(true)
  expect(met({ condition: 'equals', value: { kind: 'number', text: '5' } }, now('5.0')).met).toBe(true)
  expect(met({ condition: 'bad' }, now(null, { severity: 'bad' })).met).toBe(true)
  expect(met({ condition: 'stale', after: '5m' }, now(null, { severity: 'bad', qualitySince: 200_000 })).met).toBe(true)
  expect(met({ condition: 'stale', after: '5m' }, now('1')).met).toBe(false)
  expect(met({ condition: 'deviation', limit: '5' }, now('12'), now('6'))).toEqual({ met: true, words: '12 °C is 6 °C from 6 °C.' })
  expect(met({ condition: 'deviation', limit: '5' }, now('12')).met).toBeUndefined()
})

const sample = (s: number, value: number, quality: Sample['quality'] = 'good'): Sample => ({ time: new Date(s * 1_000).toISOString(), value, text: String(value), quality, code: 0 })

test('a rate of change is taken as even over the time in between', () => {
  const rising = { condition: 'rising' as const, limit: '10', per: '1m' }
  expect(met(rising, now('30'), undefined, [sample(0, 10), sample(59, 12), sample(60, 30)])).toEqual({ met: true, words: 'It rose by 20 °C in 1m.' })
  expect(met(rising, now('30'), undefined, [sample(0, 10), sample(600, 30)])).toMatchObject({ met: false, words: 'It rose by 2 °C in 1m.' })
  expect(met({ ...rising, condition: 'falling' }, now('1'), undefined, [sample(0, 30), sample(60, 1)]).met).toBe(true)
  expect(met(rising, now('30'), undefined, [sample(10, 10), sample(60, 30)]).met).toBeUndefined()
})

test('whole numbers are compared by all their digits', () => {
  expect(compare('18446744073709551615', '18446744073709551614')).toBe(1)
  expect(compare('-5', '+3')).toBe(-1)
  expect(compare('5', '5.0')).toBe(0)
})

test('what follows from a condition that is met', () => {
  expect(consequence(emptyAlarm, undefined)).toMatch(/would be active/)
  expect(consequence({ ...emptyAlarm, onDelay: '5s' }, false)).toMatch(/lasts for 5s/)
  expect(consequence(emptyAlarm, true)).toMatch(/suppressed/)
  expect(consequence({ ...emptyAlarm, enabled: false }, undefined)).toMatch(/not enabled/)
  expect(consequence({ ...emptyAlarm, samplesMet: '2', samplesOf: '3' }, undefined)).toMatch(/2 of the last 3/)
})

const choosing = (written: string) => {
  const pattern = patternOf(written)
  return pattern === undefined ? undefined : chooses(pattern, { device: 'boiler-1', group: 'process', name: 'pressure' })
}

test('patterns choose tags as on the edge', () => {
  for (const [pattern, expected] of [['*', true], ['*/*', true], ['boiler-1/*', true], ['boiler-?/press*', true], ['*/process/*', true], ['*/p*s/pressure', true], ['boiler/*', false], ['*/slow/*', false], ['boiler-??/*', false], ['b.iler-1/*', false], ['', undefined], ['a', undefined], ['a//b', undefined], ['a/b/c/d', undefined], ['a /b', undefined]] as const) {
    expect([pattern, choosing(pattern)]).toEqual([pattern, expected])
  }
  expect(exactOf({ device: 'a', group: '*', tag: 'b' })).toEqual({ device: 'a', tag: 'b' })
  expect(exactOf({ device: 'a', group: 'g', tag: 'b' })).toBeUndefined()
  expect(literalOf('*_temp*re?')).toBe('_temp')
})

test('texts of several lines stay so', () => {
  const response = 'Close V3\nthen call\n'
  for (const before of [text, 'alarms:\n  - { name: hot, tags: ["a/b"], condition: bad }\n']) {
    const after = withAlarm(before, { ...(alarmIn(before, 'hot') ?? emptyAlarm), response })
    expect(alarmIn(after, 'hot')?.response.trim()).toBe(response.trim())
  }
})
