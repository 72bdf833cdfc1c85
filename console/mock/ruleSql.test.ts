import { expect, test } from 'vitest'

import { check, evaluate, type Stream } from './ruleSql'

const boiler: Stream = { name: 'boiler-1', columns: [{ name: 'time', type: 'TIMESTAMP', unit: '' }, { name: 'level', type: 'DOUBLE', unit: 'm' }, { name: 'on', type: 'BOOLEAN', unit: '' }] }
const first = (sql: string) => check(sql, [boiler]).findings[0]

test.each([
  ['DELETE FROM "boiler-1"', 1, 1, /expected a SELECT/],
  ['SELECT level', 1, 13, /reads no stream/],
  ['SELECT level\nFROM "boiler-2"', 2, 6, /no stream/],
  ['SELECT level + 1 FROM "boiler-1"', 1, 8, /has no name/],
  ['SELECT avg(level) AS mean FROM "boiler-1"', 1, 8, /needs a window/],
  ['SELECT levle FROM "boiler-1"', 1, 8, /no column/],
])('the mistake in %s has its place', (sql, line, column, problem) => {
  expect(first(sql)).toMatchObject({ line, column, problem: expect.stringMatching(problem) })
})

test('the nearest name is proposed', () => {
  expect(first('SELECT level FROM "boiler-2"')?.remedy).toMatch(/"boiler-1"/)
  expect(first('SELECT levle FROM "boiler-1"')?.remedy).toBe('Did you mean `level`?')
})

test('a good rule has columns with types', () => {
  const sql = "SELECT avg(level) AS mean, max(level) > 2 AS high, count(*) AS n FROM \"boiler-1\" GROUP BY tumbling_window('10s')"
  expect(check(sql, [boiler], { mean: 'm' })).toMatchObject({ findings: [], tables: ['boiler-1'], columns: [{ name: 'mean', data_type: 'Float64', unit: 'm' }, { name: 'high', data_type: 'Boolean', unit: '' }, { name: 'n', data_type: 'Int64', unit: '' }] })
})

test('rows come one by one, or by window', () => {
  const rows = [0, 4_000, 12_000].map((at, index) => ({ at, cells: { level: index + 1 } }))
  const values = (sql: string) => evaluate(sql, boiler, rows).map((row) => [Date.parse(row.time), ...row.values])
  expect(values('SELECT level > 1 AS high FROM "boiler-1" WHERE level < 3')).toEqual([[0, false], [4_000, true]])
  expect(values("SELECT avg(level) AS mean, count(*) AS n FROM \"boiler-1\" GROUP BY tumbling_window('10s')")).toEqual([[10_000, 1.5, 2], [20_000, 3, 1]])
})
