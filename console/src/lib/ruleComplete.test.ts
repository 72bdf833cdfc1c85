import { expect, test } from 'vitest'

import type { SqlTables } from '../api/history'
import { proposalsAt, streamsOf, tablesNamed } from './ruleComplete'

const history: SqlTables = {
  tables: [
    { name: 'boiler-1', kind: 'device', description: 'Steam', columns: [{ name: 'time', type: 'TIMESTAMP' }, { name: 'level', type: 'DOUBLE' }, { name: 'level_quality', type: 'VARCHAR' }, { name: 'Füll.stand', type: 'DOUBLE' }] },
    { name: 'press', kind: 'template', description: '', columns: [{ name: 'device', type: 'VARCHAR' }, { name: 'force', type: 'DOUBLE' }] },
    { name: 'samples', kind: 'samples', description: '', columns: [] },
    { name: 'latest', kind: 'samples', description: '', columns: [] },
    { name: 'events', kind: 'record', description: '', columns: [] },
  ],
  functions: [{ name: 'time_bucket', signature: 'time_bucket(interval, time)', description: '', example: "time_bucket(interval '1 minute', time)" }],
}
const streams = streamsOf(history, [{ name: 'hot', columns: [{ name: 'mean', data_type: 'Float64', unit: 'bar' }] }, { name: 'own', columns: [] }], 'own')

/** `|` is where the cursor stands. */
const at = (marked: string, asked = false) => proposalsAt(marked.replace('|', ''), marked.indexOf('|'), streams, asked)
const labels = (marked: string, asked = false) => at(marked, asked)?.proposals.map((each) => each.label)

const named = (sql: string) => tablesNamed(sql, streams.tables).map(({ table, alias }) => [table.name, alias])

test('a rule reads what comes in, and other rules, and not itself', () => {
  expect(streams.tables.map((table) => table.name)).toEqual(['boiler-1', 'press', 'samples', 'hot'])
  expect(streams.functions.map((each) => each.name)).toEqual(expect.arrayContaining(['tumbling_window', 'window_end', 'lag', 'rate_of', 'avg', 'time_bucket']))
})

test('tables are proposed behind FROM and JOIN, as SQL writes them', () => {
  expect(labels('SELECT 1 FROM |')).toEqual(['"boiler-1"', 'press', 'samples', 'hot', "filled(, '1 minute')"])
  expect(labels("SELECT 1 FROM filled(|, '1 minute')")).toEqual(['"boiler-1"', 'press', 'hot'])
  expect(labels('SELECT 1 FROM a JOIN h|')).toContain('hot')
  expect(at('SELECT 1 FROM "boi|')?.from).toBe('SELECT 1 FROM '.length)
})

test('columns are those of the tables that are named', () => {
  expect(labels('SELECT le| FROM "boiler-1"')?.slice(0, 4)).toEqual(['time', 'level', 'level_quality', '"Füll.stand"'])
  expect(labels('SELECT le| FROM "boiler-1"')).not.toContain('force')
  expect(labels('SELECT p.| FROM press AS p')).toEqual(['device', 'force'])
  expect(labels('SELECT "boiler-1".| FROM "boiler-1"')).toContain('level')
  expect(labels('SELECT x.| FROM press')).toBeUndefined()
})

test('functions take their arguments where the cursor comes to stand', () => {
  const found = at('SELECT la| FROM press')?.proposals
  expect(found?.find((each) => each.label === 'lag()')).toMatchObject({ kind: 'function', cursor: 4 })
  expect(found?.find((each) => each.label === 'window_end()')?.cursor).toBe('window_end()'.length)
})

test('nothing is proposed in texts and comments, nor unasked before a letter', () => {
  expect(at("SELECT 'fro| FROM press")).toBeUndefined()
  expect(at('SELECT 1 -- fro|')).toBeUndefined()
  expect(at('SELECT 1 -- it is\n, fo| FROM press')).toBeDefined()
  expect(at('SELECT | FROM press')).toBeUndefined()
  expect(at('SELECT | FROM press', true)).toBeDefined()
})

test('tables are known by what they are called', () => {
  expect(named('SELECT 1 FROM press p JOIN "boiler-1" AS b ON true')).toEqual([['press', 'p'], ['boiler-1', 'b']])
  expect(named('SELECT 1 FROM press WHERE 1')).toEqual([['press', undefined]])
  expect(named("SELECT 1 FROM filled(press, '1 minute') AS f JOIN filled( \"boiler-1\" , '10s' ) ON true")).toEqual([['press', 'f'], ['boiler-1', undefined]])
  expect(named('SELECT 1 FROM nobody')).toEqual([])
})
