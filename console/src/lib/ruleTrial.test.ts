import { expect, test } from 'vitest'

import { comparedWords, exampleRows, firstSource, pastedRows, spanOf, trialRequest, withRawRows } from './ruleTrial'

const now = Date.parse('2026-11-22T10:00:00Z')

test('yesterday is a day of the reader', () => {
  const { from, to } = spanOf('yesterday', now)
  expect([new Date(from).getHours(), new Date(to).getHours()]).toEqual([0, 0])
  expect(to).toBeLessThanOrEqual(now)
  expect(new Date(to - 1).toDateString()).toBe(new Date(from).toDateString())
  expect(spanOf('hour', now)).toEqual({ from: now - 3_600_000, to: now })
})

test('rows are taken by table, or as a list of the only one', () => {
  expect(pastedRows('[{"a": 1}]', ['boiler-1'])).toEqual({ ok: true, json: '{"boiler-1":[{"a": 1}]}' })
  expect(pastedRows('{"b": []}', [])).toEqual({ ok: true, json: '{"b": []}' })
})

test.each([
  ['', ['a'], /Paste rows/],
  ['{"a": [', ['a'], /not JSON/],
  ['[{}]', ['a', 'b'], /which table/],
  ['[1]', ['a'], /Each row/],
  ['7', ['a'], /Give an object/],
  ['{"a": {}}', ['a'], /list of objects/],
])('rows %s are refused with a word', (typed, tables, word) => {
  const pasted = pastedRows(typed, tables)
  expect(pasted.ok ? '' : pasted.problem).toMatch(word)
})

test('the digits of pasted rows stay as they are', () => {
  expect(withRawRows({ sql: 'x' }, '{"a":[{"n":9007199254740993}]}')).toBe('{"sql":"x","rows":{"a":[{"n":9007199254740993}]}}')
  const request = trialRequest({ ...firstSource(now), over: 'rows', rows: '[{"n":9007199254740993}]' }, { sql: 'x' }, ['a'], now)
  expect('raw' in request && request.raw).toContain('"rows":{"a":[{"n":9007199254740993}]}')
})

test('a trial over history has a beginning and an end', () => {
  const request = trialRequest(firstSource(now), { name: 'hot', sql: 'x' }, [], now)
  expect('raw' in request && JSON.parse(request.raw)).toMatchObject({ name: 'hot', sql: 'x', from: '2026-11-22T09:00:00.000Z', to: '2026-11-22T10:00:00.000Z' })
  expect(trialRequest({ ...firstSource(now), span: 'own', from: '2026-01-02T00:00', to: '2026-01-01T00:00' }, { sql: 'x' }, [], now)).toEqual({ problem: 'The end must lie after the beginning.' })
  expect(trialRequest({ ...firstSource(now), span: 'own', from: '' }, { sql: 'x' }, [], now)).toEqual({ problem: 'Enter a day and a time in both fields.' })
})

test('the example has the columns that the query names', () => {
  const tables = { tables: [{ name: 'boiler-1', kind: 'device' as const, description: '', columns: [{ name: 'time', type: 'TIMESTAMP' }, { name: 'level', type: 'DOUBLE' }, { name: 'on', type: 'BOOLEAN' }, { name: 'x', type: 'DOUBLE' }] }], functions: [] }
  const rows = JSON.parse(exampleRows('SELECT avg(level) FROM "boiler-1" WHERE "on"', ['boiler-1'], tables, now))
  expect(rows['boiler-1']).toHaveLength(3)
  expect(rows['boiler-1'][2]).toEqual({ time: '2026-11-22T10:00:00.000Z', level: 23, on: false })
})

test('the difference to the live rule is said in words', () => {
  expect(comparedWords({ same: 1, only_trial: 0, only_live: 0 })).toBe('The same as the live rule: 1 row.')
  expect(comparedWords({ same: 0, only_trial: 0, only_live: 0 })).toBe('Neither this nor the live rule gives a row.')
  expect(comparedWords({ same: 2, only_trial: 1, only_live: 3 })).toBe('2 rows are the same, 1 only this gives, 3 only the live rule gives.')
})
