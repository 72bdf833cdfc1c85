import { beforeEach, expect, test } from 'vitest'

import type { Rule } from '../api/rules'
import { costs, forgetCosts, noteCost, shareOf } from './ruleCost'
import { answerOf, exact, firstQuery, labelsOf, ruleFilter, shareWords, troubleOf } from './rules'

const rule = (more: Partial<Rule> = {}): Rule => ({ name: 'hot', stage: 'live', state: 'running', labels: [], tables: ['boiler'], columns: [], rows_in: 1, rows_out: 1, rows_late: 0, errors: 0, busy_seconds: 1, memory_bytes: 0, behind_samples: 0, ...more })

beforeEach(forgetCosts)

test('an address asks for a page of rules', () => {
  expect(ruleFilter(new URLSearchParams('stage=live&label=a&page=3'))).toEqual({ stage: 'live', state: '', label: 'a', text: '', offset: 200, limit: 100 })
})

test('what is the matter comes with what to do', () => {
  expect(troubleOf(rule())).toBeUndefined()
  expect(troubleOf(rule({ state: 'failed', reason: 'no column `x`' }))).toMatchObject({ tone: 'bad', problem: 'no column `x`', remedy: expect.stringContaining('mend') })
  expect(troubleOf(rule({ state: 'failed', last_error: { time: '2026-01-01T00:00:00Z', text: 'divides by zero' } }))?.problem).toBe('divides by zero')
  expect(troubleOf(rule({ state: 'waiting', reason: '`boiler` is offline' }))?.tone).toBe('warn')
  expect(troubleOf(rule({ errors: 2, last_error: { time: '2026-01-01T00:00:00Z', text: 'overflow' } }))?.problem).toBe('overflow')
})

test.each([
  [0, '0 %'],
  [0.000_01, '< 0.01 %'],
  [0.0042, '0.42 %'],
  [0.042, '4.2 %'],
  [1.42, '142 %'],
])('a share of %d is %s', (share, words) => expect(shareWords(share)).toBe(words))

test('values keep their digits', () => {
  expect(exact('9007199254740993')).toBe('9007199254740993')
  expect([exact(1.5), exact(true), exact(null), exact(undefined), exact([1])]).toEqual(['1.5', 'true', null, null, '[1]'])
})

test('rows are shown as results of queries are', () => {
  const answer = answerOf([{ name: 'mean', data_type: 'Float64', unit: 'bar' }, { name: 'high', data_type: 'Boolean', unit: '' }], [{ time: '2026-01-01T00:00:00Z', values: [1.5, null] }])
  expect(answer.columns.map(({ name, type, numeric, time }) => [name, type, numeric, time])).toEqual([['time', 'TIMESTAMP', false, true], ['mean', 'Float64, bar', true, false], ['high', 'BOOLEAN', false, false]])
  expect(answer.rows).toEqual([['2026-01-01T00:00:00Z', '1.5', null]])
})

test('labels stand apart by commas and spaces, each once', () => {
  expect(labelsOf(' a, b  a,,c ')).toEqual(['a', 'b', 'c'])
})

test('a new rule begins on what there is', () => {
  expect(firstQuery({ tables: [], functions: [] })).toBe('')
  expect(firstQuery({ tables: [{ name: 'boiler-1', kind: 'device', description: '', columns: [{ name: 'time', type: 'TIMESTAMP' }, { name: 'level', type: 'DOUBLE' }] }], functions: [] })).toContain('FROM "boiler-1"')
})

test('the cost is what came between two answers', () => {
  noteCost([{ name: 'a', busy_seconds: 1 }], 0)
  expect(shareOf('a')).toBeUndefined()
  noteCost([{ name: 'a', busy_seconds: 1.1 }], 2_000)
  expect(shareOf('a')).toBeCloseTo(0.05)
  noteCost([{ name: 'a', busy_seconds: 1.1 }], 60_000)
  expect(costs('a').map((each) => Number(each.share.toFixed(3)))).toEqual([0.05, 0])
})

test('a rule that was started anew counts from nothing', () => {
  noteCost([{ name: 'a', busy_seconds: 9 }], 0)
  noteCost([{ name: 'a', busy_seconds: 0.1 }], 2_000)
  expect(shareOf('a')).toBeUndefined()
  expect(costs('a')).toEqual([])
})
