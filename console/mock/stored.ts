/** What the mock holds of a device and its tags. */
import type { Device, Severity } from '../src/api/types'
import type { Machine, Point } from './plant'

export interface Stored {
  at: number
  text: string | null
  severity: Severity
  code: number
  /** why a formula gives no value */
  reason?: string
}

export interface TagState {
  point: Point
  intervalMs: number
  last: Stored | undefined
  changedAt: number
  qualitySince: number
  reason: string
  history: Stored[]
  version: number
}

export interface DeviceState {
  name: string
  description: string
  driver: string
  link: string
  machine: Machine
  state: Device['state']
  since: number
  reason: string | undefined
  nextTryAt: number
  groups: { name: string; intervalMs: number; lastRead: number; late: number; missed: number }[]
  tags: Map<string, TagState>
  requests: number
  errors: number
  /** its part of the document, where its tags come from there */
  written: string
  bornAt: number
}

export function good(point: Point, machine: Machine, at: number): Stored {
  const raw = point.value(machine, at)
  const text = typeof raw === 'number' && point.digits !== undefined ? raw.toFixed(point.digits) : String(raw)
  return { at, text, severity: 'good', code: 0 }
}

export function bad(at: number, code: number): Stored {
  return { at, text: null, severity: 'bad', code }
}

export function value(point: Point, text: string | null): unknown {
  if (text === null) return null
  if (point.type === 'bool') return text === 'true'
  return point.type === 'text' ? text : Number(text)
}
