/** What the edge keeps and how it is asked for: storage and SQL. Written by hand as types.ts is. */
import type { Status } from './types'

/** Bytes of what is left of samples that were too old or too many. */
export interface RollupStorage {
  minute_bytes: number
  hour_bytes: number
  day_bytes: number
}

export interface HistoryStorage {
  bytes: number
  samples: number
  bytes_per_sample: number | null
  segments: number
  rollups: RollupStorage
  limit_bytes: number
  oldest: string | null
  newest: string | null
  /** at the present rate */
  bytes_per_day: number | null
  /** until `limit_bytes` at the present rate; null when not known */
  days_left: number | null
  /** in the journal, and not in the history's files yet */
  waiting_samples: number
  errors: number
  last_error: string | null
}

export interface Storage {
  history: HistoryStorage
  journal: Status['journal']
  disk: { free_bytes: number }
}

export interface TagStorage {
  device: string
  tag: string
  type: string
  unit?: string
  /** `false`: only its history is left, the configuration has it no longer */
  configured: boolean
  samples: number
  bytes: number
  bytes_per_sample: number | null
  oldest: string | null
  newest: string | null
}

export interface SqlRequest {
  query: string
  /** more rows are cut off */
  rows?: number
  timeout_ms?: number
  /** every cell is null or a string of all digits */
  text?: boolean
}

export interface SqlColumn {
  name: string
  type: string
  numeric: boolean
  time: boolean
}

export interface SqlAnswer {
  columns: SqlColumn[]
  rows: unknown[][]
  truncated: boolean
  elapsed_ms: number
}

/** As it was asked for with `text`. */
export type SqlTextAnswer = Omit<SqlAnswer, 'rows'> & { rows: (string | null)[][] }

export interface SqlTableColumn {
  name: string
  type: string
  description?: string
}

export interface SqlTable {
  name: string
  kind: 'samples' | 'device' | 'template' | 'lookup' | 'record'
  description: string
  columns: SqlTableColumn[]
}

export interface SqlFunction {
  name: string
  signature: string
  description: string
  example: string
}

export interface SqlTables {
  tables: SqlTable[]
  functions: SqlFunction[]
}
