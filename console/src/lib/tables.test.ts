import { expect, test } from 'vitest'

import type { LookupTable } from '../api/tables'
import { rowsOf, sourceWords, tableTrouble } from './tables'

const table: LookupTable = { name: 't', source: 'csv', place: 'a.csv', state: 'good', reading: false, columns: [{ name: 'code', type: 'int64' }, { name: 'name', type: 'text' }], rows: 1, bytes: 9, rules: [] }

test('sources are told with their place', () => {
  expect(sourceWords(table)).toBe('CSV file a.csv')
  expect(sourceWords({ ...table, source: 'rows', place: undefined })).toBe('the configuration')
})

test('an old table is told otherwise than one without rows', () => {
  const error = { since: '2026-01-01T00:00:00Z', problem: 'gone', remedy: 'put it back' }
  expect(tableTrouble(table)).toBeUndefined()
  expect(tableTrouble({ ...table, state: 'stale', error })).toEqual({ tone: 'warn', problem: 'gone', remedy: 'The rows that were read last stay in use. To mend it: put it back.' })
  expect(tableTrouble({ ...table, state: 'failed', error })?.tone).toBe('bad')
})

test('rows are texts', () => {
  const rows = rowsOf({ ...table, page: { items: [{ values: [1, null] }], total: 1 } })
  expect(rows.rows).toEqual([['1', null]])
  expect(rows.columns.map((column) => column.numeric)).toEqual([true, false])
})
