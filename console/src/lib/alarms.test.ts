import { expect, test } from 'vitest'

import type { Alarm, AlarmCounts, AlarmState } from '../api/alarms'
import { actions, alarmFilter, allows, commentProblem, countWords, exactOf, nextAction, shownValue, stripWords } from './alarms'

const alarm = (state: AlarmState, more: Partial<Alarm> = {}): Alarm => ({ name: 'hot', device: 'boiler', tag: 't', state, priority: 'high', active: false, unacknowledged: 0, raised: 1, since: null, value: 1, unit: '', quality: 'good', condition: 'above 1', text: null, response: null, shelf: null, suppressed: null, ...more })
const offered = (one: Alarm) => actions.filter((action) => allows(one, action))
const of = (search: string) => alarmFilter(new URLSearchParams(search))
const shelf = { by: 'anna', comment: '', until: '2026-11-22T10:00:00Z' }

test('only what the state allows is offered', () => {
  expect(offered(alarm('unacknowledged', { active: true, unacknowledged: 2 }))).toEqual(['acknowledge', 'shelve', 'take-out-of-service'])
  expect(offered(alarm('acknowledged', { active: true }))).toEqual(['shelve', 'take-out-of-service'])
  expect(offered(alarm('latched'))).toEqual(['reset', 'shelve', 'take-out-of-service'])
  expect(offered(alarm('shelved', { shelf }))).toEqual(['shelve', 'unshelve', 'take-out-of-service'])
  expect(offered(alarm('out_of_service'))).toEqual(['return-to-service'])
})

test('one step is nearest', () => {
  expect(nextAction(alarm('cleared_unacknowledged', { unacknowledged: 1 }))).toBe('acknowledge')
  expect(nextAction(alarm('latched'))).toBe('reset')
  expect(nextAction(alarm('shelved', { shelf }))).toBe('unshelve')
  expect(nextAction(alarm('out_of_service', { unacknowledged: 1 }))).toBe('return-to-service')
  expect(nextAction(alarm('normal'))).toBeUndefined()
})

test('counts are said in words', () => {
  const counts: AlarmCounts = { total: 1_042, active: 3, unacknowledged: 1, shelved: 2, suppressed: 0, out_of_service: 0, highest: 'critical' }
  expect(countWords(counts)).toBe('3 active, 1 not acknowledged, 2 shelved; 1\u202f042 alarms are watched.')
  expect(stripWords(counts)).toBe('1 alarm not acknowledged. Most urgent open: critical.')
  expect(stripWords({ ...counts, unacknowledged: 0 })).toBe('')
  expect(stripWords(undefined)).toBe('')
})

test('values are shown as they came', () => {
  expect([shownValue(false), shownValue(8.5, 'bar'), shownValue('run'), shownValue(null, 'bar')]).toEqual(['false', '8.5 bar', 'run', '–'])
})

test('a comment is measured in bytes', () => {
  expect(commentProblem('ä'.repeat(512))).toBeUndefined()
  expect(commentProblem('ä'.repeat(513))).toMatch(/^Shorten it/)
})

test('an address says which alarms are meant', () => {
  expect(of('')).toEqual({ state: 'open', priority: '', device: '', text: '', offset: 0, limit: 100 })
  expect(of('state=all&priority=high&page=3')).toMatchObject({ state: '', priority: 'high', offset: 200 })
  expect(of('page=-4').offset).toBe(0)
  expect(of('page=x').offset).toBe(0)
})

test('all digits of a whole number are shown where the edge gives them', () => {
  const counted = { ...alarm('normal', { value: 9_007_199_254_740_992, unit: 'kWh' }), value_text: '9007199254740993' }
  expect(shownValue(counted.value, counted.unit, exactOf(counted))).toBe('9007199254740993 kWh')
  expect(shownValue(1.5, 'bar', exactOf(alarm('normal')))).toBe('1.5 bar')
  expect(shownValue(null, 'bar', '1')).toBe('–')
})
