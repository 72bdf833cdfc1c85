/** Alarms: what is the case now, what became of them, and what operators do. Written by hand as types.ts is. */
import type { Severity } from './types'

export const alarmStates = ['unacknowledged', 'acknowledged', 'cleared_unacknowledged', 'latched', 'shelved', 'suppressed', 'out_of_service', 'normal'] as const
export type AlarmState = (typeof alarmStates)[number]

/** The most urgent first. */
export const alarmPriorities = ['critical', 'high', 'medium', 'low'] as const
export type AlarmPriority = (typeof alarmPriorities)[number]

export const alarmChangeKinds = ['raised', 'cleared', 'acknowledged', 'reset', 'shelved', 'unshelved', 'suppressed', 'unsuppressed', 'out_of_service', 'in_service', 'chattering', 'steady', 'not_written'] as const
export type AlarmChangeKind = (typeof alarmChangeKinds)[number]

export type AlarmAction = 'acknowledge' | 'reset' | 'shelve' | 'unshelve' | 'take-out-of-service' | 'return-to-service'

/** Each tag that a definition watches has an alarm of its own. */
export interface AlarmName {
  name: string
  device: string
  tag: string
}

export interface AlarmShelf {
  by: string
  comment: string
  until: string
}

export interface Alarm extends AlarmName {
  state: AlarmState
  priority: AlarmPriority
  /** the condition is met; also while it is shelved */
  active: boolean
  /** times that it was raised since somebody acknowledged it */
  unacknowledged: number
  raised: number
  /** when it was raised or cleared last */
  since: string | null
  /** it changes too often: changes are counted until it is steady */
  chattering: boolean
  /** counted so far */
  not_written: number
  /** null when the quality is bad, or when there was none yet */
  value: unknown
  /** with all digits */
  value_text: string | null
  unit: string
  quality: Severity | null
  /** in words, such as `above 95 °C` */
  condition: string
  text: string | null
  /** what to do */
  response: string | null
  shelf: AlarmShelf | null
  /** why it is suppressed */
  suppressed: string | null
}

/** More alarms than one person can follow. */
export interface AlarmFlood {
  since: string
  /** announced since then */
  alarms: number
}

export interface AlarmCounts {
  total: number
  /** raised, and not put aside */
  active: number
  /** raised since and not acknowledged, over or not */
  unacknowledged: number
  shelved: number
  suppressed: number
  out_of_service: number
  /** of those that are unacknowledged */
  highest: AlarmPriority | null
  /** changing too often */
  chattering: number
  flood: AlarmFlood | null
}

export interface AlarmChoice {
  alarms: AlarmName[]
  comment?: string
  /** for `shelve` only */
  for_ms?: number
}

/** An alarm that stays as it is, and why. */
export interface AlarmRefusal extends AlarmName {
  cause: string
}

export interface AlarmAnswer {
  done: Alarm[]
  refused: AlarmRefusal[]
}

export interface AlarmChange extends AlarmName {
  seq: number
  at: string
  kind: AlarmChangeKind
  priority: AlarmPriority
  /** false: the alarm was put aside */
  announced: boolean
  /** after it; null for all alarms together */
  state: AlarmState | null
  /** changes that were counted and not written */
  count: number | null
  value: unknown
  /** with all digits */
  value_text: string | null
  unit: string
  /** null when it happened by itself */
  by: string | null
  comment: string | null
  text: string | null
}

export interface AlarmChanges {
  items: AlarmChange[]
  /** give as `before` for older ones */
  next: number | null
}

export interface AlarmFilter {
  state?: string
  priority?: string
  device?: string
  text?: string
  offset: number
  limit: number
}

export interface AlarmChangeFilter {
  alarm?: string
  device?: string
  tag?: string
  kind?: string
  before?: number
  limit: number
}
