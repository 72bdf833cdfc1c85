/** Lookup tables: where they are from, how reading them fares, and their rows. Written by hand as types.ts is. */
import type { Page } from './types'

export type TableSource = 'rows' | 'csv' | 'sqlite' | 'postgres' | 'http'

export type TableState = 'good' | 'waiting' | 'stale' | 'failed'

export interface TableColumn {
  name: string
  type: string
}

export interface TableError {
  since: string
  problem: string
  remedy: string
}

export interface LookupTable {
  name: string
  text?: string | null
  source: TableSource
  /** the file, the server and database, or the address */
  place?: string | null
  state: TableState
  /** it is being read now */
  reading: boolean
  /** empty until it was read */
  columns: TableColumn[]
  rows: number
  bytes: number
  version?: string | null
  read_at?: string | null
  next?: string | null
  error?: TableError | null
  /** names of rules that read it */
  rules: string[]
}

export interface LookupTableDetail extends LookupTable {
  page: Page<TableRow>
}

export interface TableRow {
  /** in the order of the columns */
  values: unknown[]
}
