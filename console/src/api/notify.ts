/** Who is told of alarms: channels, routes, and what came of a test. Written by hand as types.ts is. */
import type { AlarmPriority } from './alarms'

export type NotifyState = 'unused' | 'delivering' | 'failing'

export interface NotifyFailure {
  at: string
  cause: string
}

/** Counts are of messages and recipients. */
export interface NotifyChannel {
  name: string
  kind: string
  description: string | null
  recipients: string[]
  state: NotifyState
  last_success: string | null
  last_failure: NotifyFailure | null
  failing_since: string | null
  delivered: number
  /** for good */
  refused: number
  /** tried for a day */
  given_up: number
  /** made and not delivered */
  waiting_messages: number
  /** for the next message */
  waiting_alarms: number
}

export interface NotifyLevel {
  /** counted from when the alarm was raised */
  after_ms: number
  to: string[]
}

export interface NotifyRoute {
  name: string
  description: string | null
  min_priority: AlarmPriority
  levels: NotifyLevel[]
  repeat_ms: number | null
  cleared: boolean
  acknowledged: boolean
  messages_per_hour_max: number
  /** it is quiet now, up to this priority */
  quiet_up_to: AlarmPriority | null
  /** alarms that nobody has acknowledged */
  open: number
  /** alarms that wait to be told */
  waiting: number
}

export interface Notify {
  /** null before there is a configuration */
  time_zone: string | null
  channels: NotifyChannel[]
  routes: NotifyRoute[]
}

export interface NotifyAnswer {
  recipient: string
  ok: boolean
  /** the server's own words, or why there are none */
  answer: string
}

export interface NotifyTest {
  ok: boolean
  answers: NotifyAnswer[]
}
