import { expect, test } from 'vitest'

import type { Alarm, AlarmCounts, AlarmState } from '../api/alarms'
import { actions, alarmFilter, allows, commentProblem, countWords, countedWords, nextAction, shownValue, stripWords } from './alarms'

const alarm = (state: AlarmState, more: Partial<Alarm> = {}): Alarm => ({ name: 'hot', device: 'boiler', tag: 't', state, priority: 'high', active: false, unacknowledged: 0, raised: 1, since: null, chattering: false, not_written: 0, value: 1, value_text: '1', unit: '', quality: 'good', condition: 'above 1', text: null, response: null, shelf: null, suppressed: null, ...more })
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
  const counts: AlarmCounts = { total: 1_042, active: 3, unacknowledged: 1, shelved: 2, suppressed: 0, out_of_service: 0, highest: 'critical', chattering: 0, flood: null }
  expect(countWords(counts)).toBe('3 active, 1 not acknowledged, 2 shelved; 1\u202f042 alarms are watched.')
  expect(stripWords(counts)).toBe('1 alarm not acknowledged. Most urgent: critical.')
  const flood = { since: '2026-11-22T10:00:00Z', alarms: 40 }
  expect(stripWords({ ...counts, flood })).toMatch(/critical\. More than can be followed: 40 alarms since /)
  expect(countWords({ ...counts, chattering: 2 })).toContain('2 shelved, 2 changing too often;')
  expect(stripWords({ ...counts, unacknowledged: 0 })).toBe('')
  expect(stripWords(undefined)).toBe('')
})

test('changes that were counted are said', () => {
  expect(countedWords({ kind: 'steady', count: 1 })).toBe('1 change counted, not written')
  expect(countedWords({ kind: 'chattering', count: 1 }) + countedWords({ kind: 'raised', count: null })).toBe('')
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
