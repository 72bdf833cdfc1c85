/** What goes in and out as files, and what is recorded: imports, restores, events. Written by hand as types.ts is. */
import type { DiffResult } from './types'

export interface ImportFinding {
  weight: 'error' | 'warning'
  sheet: string | null
  row: number | null
  column: string | null
  value: string | null
  problem: string
  remedy: string
}

export interface NotTranslated {
  what: string
  where: string
  why: string
}

export interface ImportAnswer {
  kind: string
  devices: number
  tags: number
  rows: number
  findings: ImportFinding[]
  findings_dropped: number
  not_translated: NotTranslated[]
  /** what was taken for granted in reading the file, such as its encoding */
  assumed: string[]
  /** the whole new configuration; null when there are errors */
  document: string | null
  diff: DiffResult | null
}

export const eventKinds = ['login', 'configuration', 'access', 'command', 'device', 'sink', 'system', 'secret', 'certificate'] as const
export type EventKind = (typeof eventKinds)[number]

export interface EdgeEvent {
  seq: number
  at: string
  kind: EventKind
  severity: 'info' | 'warning' | 'error'
  by: string | null
  subject: string | null
  text: string
}

export interface EventPage {
  items: EdgeEvent[]
  /** give as `before` for older ones */
  next: number | null
}

export interface RestoreAnswer {
  edge: string
  made_at: string
  version: string
  /** null when no configuration ran */
  revision: number | null
  devices: number
  tags: number
  users: number
  tokens: number
  certificates: number
  secrets: string[]
  /** with an error among them it cannot be applied */
  findings: RestoreFinding[]
  applied: boolean
}

export interface RestoreFinding {
  weight: 'error' | 'warning'
  problem: string
  remedy: string
}
