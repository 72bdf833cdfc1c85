import { expect, test } from 'vitest'

import type { SqlTextAnswer } from '../api/history'
import { chartOf, csvOfAnswer, examplesFor, placeIn, remembered, sqlName, tabbed } from './sql'

const column = (name: string, type: string) => ({ name, type, numeric: /INT|DOUBLE/.test(type), time: type === 'TIMESTAMP' })
const answer = (columns: [string, string][], rows: (string | null)[][]): SqlTextAnswer => ({ columns: columns.map(([name, type]) => column(name, type)), rows, truncated: false, elapsed_ms: 1 })

const time = (second: number) => new Date(second * 1_000).toISOString()
const ran = (query: string, at: number) => ({ query, at, outcome: '1 row' })

test('the place of an error is found in its message', () => {
  expect(placeIn('The query at line 3, column 14: there is no column.')).toEqual({ line: 3, column: 14 })
  expect(placeIn('Expected: an expression, found: EOF at Line: 1, Column: 8')).toEqual({ line: 1, column: 8 })
  expect(placeIn('Too much memory was asked for.')).toBeUndefined()
})

test('names are quoted where SQL would read something else', () => {
  expect(['samples', 'boiler-1', 'Speed', 'order', '1st', 'a"b'].map(sqlName)).toEqual(['samples', '"boiler-1"', '"Speed"', '"order"', '"1st"', '"a""b"'])
})

test('examples name what there is, with its quotes doubled', () => {
  const tables = { functions: [], tables: [{ name: "o'neil-1", kind: 'device' as const, description: '', columns: [{ name: 'time', type: 'TIMESTAMP' }, { name: 'p', type: 'DOUBLE' }] }] }
  expect(examplesFor(tables).some((each) => each.query.includes("device = 'o''neil-1' AND tag = 'p'"))).toBe(true)
  expect(examplesFor({ tables: [], functions: [] }).map((each) => each.title)).toEqual(['The newest value of every tag'])
})

test('a file tells null from an empty text', () => {
  const rows = answer([['a', 'VARCHAR'], ['b', 'BIGINT']], [['x,y', null], ['', '9007199254740993']])
  expect(csvOfAnswer(rows)).toBe('a,b\r\n"x,y",\r\n"",9007199254740993\r\n')
  expect(tabbed(answer([['a', 'VARCHAR']], [['two\nlines']]))).toBe('a\ntwo lines')
})

test('a chart needs times and numbers; unlike ranges have scales of their own', () => {
  expect(chartOf(answer([['a', 'VARCHAR']], [['x']]))).toBeUndefined()
  expect(chartOf(answer([['t', 'TIMESTAMP'], ['v', 'DOUBLE']], [[time(1), '1']]))).toBeUndefined()
  const chart = chartOf(answer([['t', 'TIMESTAMP'], ['mean', 'DOUBLE'], ['highest', 'DOUBLE'], ['count', 'BIGINT']], [[time(9), '2', '3', '800'], [time(1), '1', null, '7']]))
  expect([chart?.from, chart?.to]).toEqual([1_000, 9_000])
  expect(chart?.lines.map((line) => [line.name, [...line.series.values]])).toEqual([['mean', [1, 2]], ['highest', [Number.NaN, 3]], ['count', [7, 800]]])
  expect(chart?.lines[2]?.unit).toBe('count')
})

test('queries are remembered once, the newest first', () => {
  expect(remembered([ran('b', 2), ran('a', 1)], ran('a', 3)).map((each) => [each.query, each.at])).toEqual([['a', 3], ['b', 2]])
})
