/** Rules: SQL over streams, how each is doing, and what it would do; and formulas of tags. Written by hand as types.ts is. */
import type { Quality } from './types'

export const ruleStages = ['draft', 'trial', 'live'] as const
export type RuleStage = (typeof ruleStages)[number]

export const ruleStates = ['running', 'waiting', 'stopped', 'failed'] as const
export type RuleState = (typeof ruleStates)[number]

export interface RuleColumn {
  name: string
  data_type: string
  unit: string
}

export interface RuleError {
  time: string
  text: string
}

export interface Rule {
  name: string
  stage: RuleStage
  state: RuleState
  /** why it waits or failed */
  reason?: string | null
  text?: string | null
  labels: string[]
  /** names of what it reads */
  tables: string[]
  columns: RuleColumn[]
  rows_in: number
  rows_out: number
  rows_late: number
  errors: number
  last_error?: RuleError | null
  last_output?: string | null
  busy_seconds: number
  memory_bytes: number
  behind_samples: number
}

export interface RuleRow {
  time: string
  /** one for each column; a whole number that a double cannot hold is a string of its digits */
  values: unknown[]
}

export interface RuleRows {
  columns: string[]
  rows: RuleRow[]
}

export interface RuleDetail extends Rule {
  sql: string
  plan: string
  newest: RuleRows
}

export interface RuleFilter {
  stage?: string
  state?: string
  label?: string
  text?: string
  offset: number
  limit: number
}

export interface RuleFinding {
  line: number
  column: number
  problem: string
  remedy: string
}

export interface RuleCheckRequest {
  name?: string
  sql: string
}

export interface RuleCheck {
  findings: RuleFinding[]
  columns: RuleColumn[]
  tables: string[]
  plan?: string | null
}

export interface FormulaCheckRequest {
  /** whose tag it is to compute: its own tags need no device in the formula */
  device: string
  formula: string
  type: string
}

/** A tag that a formula reads, as it is now. */
export interface FormulaInput {
  device: string
  tag: string
  value: unknown
  text: string | null
  unit?: string | null
  quality: Quality
  /** the formula says itself what it gives where the tag is bad */
  may_be_bad: boolean
}

export interface FormulaCheck {
  /** none: the formula is in order */
  findings: RuleFinding[]
  inputs: FormulaInput[]
  value: unknown
  text: string | null
  quality?: Quality | null
  /** why it has no value */
  reason?: string | null
}

/** As the configuration has them; keys that the console does not know are kept. */
export interface RuleAlarm {
  column: string
  name?: string
  priority?: string
  text?: string
  response?: string
  on_delay?: string
  off_delay?: string
  latching?: boolean
}

export interface RuleWrite {
  column: string
  /** `device/tag` */
  tag: string
  expires?: string
}

export type RuleAction = { alarm: RuleAlarm } | { write: RuleWrite }

/** Over history from `from` to `to`, or over `rows` by the name of their table. */
export interface RuleTrialRequest {
  name?: string
  sql: string
  lateness?: string
  actions?: RuleAction[]
  from?: string
  to?: string
  rows?: Record<string, Record<string, unknown>[]>
  limit?: number
}

export interface RuleTrialAlarm {
  time: string
  column: string
  change: 'raised' | 'cleared'
}

export interface RuleTrialWrite {
  time: string
  tag: string
  value: unknown
}

export interface RuleDifference {
  time: string
  trial: unknown[] | null
  live: unknown[] | null
}

export interface RuleComparison {
  same: number
  only_trial: number
  only_live: number
  first_difference?: RuleDifference | null
}

export interface RuleTrial {
  columns: RuleColumn[]
  rows: RuleRow[]
  truncated: boolean
  rows_in: number
  rows_out: number
  rows_late: number
  errors: number
  last_error?: RuleError | null
  seconds: number
  alarms: RuleTrialAlarm[]
  writes: RuleTrialWrite[]
  /** names of lookup tables, which are read with the rows that they have now */
  lookups: string[]
  /** with the live rule of this name, over history */
  compared?: RuleComparison | null
}
