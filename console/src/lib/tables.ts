/** Lookup tables in words, and their rows as texts. */
import type { SqlTextAnswer } from '../api/history'
import type { LookupTable, LookupTableDetail, TableSource, TableState } from '../api/tables'
import { exact } from './rules'

export const tablePageSize = 100

export const tableStateWords: Record<TableState, string> = { good: 'read', waiting: 'being read', stale: 'old', failed: 'not read' }

const sources: Record<TableSource, string> = { rows: 'the configuration', csv: 'CSV file', sqlite: 'SQLite file', postgres: 'PostgreSQL', http: 'HTTP' }

export function sourceWords({ source, place }: LookupTable): string {
  const at = place ?? ''
  return at === '' ? sources[source] : `${sources[source]} ${at}`
}

/** What is wrong, and what it means for those who use the rows. */
export function tableTrouble(table: LookupTable): { tone: 'bad' | 'warn'; problem: string; remedy: string } | undefined {
  const error = table.error ?? undefined
  if (error === undefined) return undefined
  const stale = table.state === 'stale'
  const means = stale ? 'The rows that were read last stay in use.' : 'There are no rows: rules that read it wait.'
  return { tone: stale ? 'warn' : 'bad', problem: error.problem, remedy: `${means} To mend it: ${error.remedy}.` }
}

const numeric = new Set(['int64', 'uint64', 'float64'])

export function rowsOf(table: LookupTableDetail): SqlTextAnswer {
  return {
    columns: table.columns.map((column) => ({ ...column, numeric: numeric.has(column.type), time: column.type === 'time' })),
    rows: table.page.items.map((row) => row.values.map(exact)),
    truncated: false,
    elapsed_ms: 0,
  }
}
