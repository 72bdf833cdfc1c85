/** Alarms in words: what a state and a change are called, what may be done, and what is told afterwards. */
import type { Alarm, AlarmAction, AlarmAnswer, AlarmChange, AlarmChangeKind, AlarmCounts, AlarmFilter, AlarmName, AlarmState } from '../api/alarms'
import { count, plural } from './numbers'
import { moment } from './time'

export const stateWords: Record<AlarmState, string> = {
  unacknowledged: 'not acknowledged',
  acknowledged: 'acknowledged',
  cleared_unacknowledged: 'over, not acknowledged',
  latched: 'to be reset',
  shelved: 'shelved',
  suppressed: 'suppressed',
  out_of_service: 'out of service',
  normal: 'normal',
}

export const changeWords: Record<AlarmChangeKind, string> = {
  raised: 'raised',
  cleared: 'over',
  acknowledged: 'acknowledged',
  reset: 'reset',
  shelved: 'shelved',
  unshelved: 'no longer shelved',
  suppressed: 'suppressed',
  unsuppressed: 'no longer suppressed',
  out_of_service: 'out of service',
  in_service: 'back in service',
  chattering: 'changes too often',
  steady: 'steady again',
  not_written: 'too many changes',
}

export interface ActionWords {
  /** on its button */
  title: string
  /** after `2 alarms are` */
  done: string
  /** whether a comment is asked for first */
  asks: boolean
}

/** In the order in which they are offered. */
export const actionWords: Record<AlarmAction, ActionWords> = {
  acknowledge: { title: 'Acknowledge', done: 'acknowledged', asks: true },
  reset: { title: 'Reset', done: 'reset', asks: false },
  shelve: { title: 'Shelve', done: 'shelved', asks: true },
  unshelve: { title: 'Unshelve', done: 'no longer shelved', asks: false },
  'take-out-of-service': { title: 'Take out of service', done: 'out of service', asks: true },
  'return-to-service': { title: 'Return to service', done: 'back in service', asks: false },
}

export const actions: readonly AlarmAction[] = ['acknowledge', 'reset', 'shelve', 'unshelve', 'take-out-of-service', 'return-to-service']

export function allows(alarm: Alarm, action: AlarmAction): boolean {
  switch (action) {
    case 'acknowledge':
      return alarm.unacknowledged > 0
    case 'reset':
      return alarm.state === 'latched'
    case 'shelve':
      return alarm.state !== 'out_of_service'
    case 'unshelve':
      return alarm.shelf !== null
    case 'take-out-of-service':
      return alarm.state !== 'out_of_service'
    case 'return-to-service':
      return alarm.state === 'out_of_service'
  }
}

/** What is nearest to do about one alarm; the rest is done to chosen ones. */
export function nextAction(alarm: Alarm): AlarmAction | undefined {
  if (alarm.state === 'out_of_service') return 'return-to-service'
  if (alarm.unacknowledged > 0) return 'acknowledge'
  return actions.find((action) => (action === 'reset' || action === 'unshelve') && allows(alarm, action))
}

export const keyOf = ({ name, device, tag }: AlarmName): string => `${name} ${device}/${tag}`

export const nameOf = ({ name, device, tag }: AlarmName): AlarmName => ({ name, device, tag })

export const shelfTimes: readonly (readonly [string, number])[] = [
  ['15 min', 15 * 60_000],
  ['1 h', 3_600_000],
  ['8 h', 8 * 3_600_000],
  ['24 h', 24 * 3_600_000],
  ['7 days', 7 * 86_400_000],
]

const commentBytesMax = 1_024

/** What is wrong with a comment, or nothing. */
export function commentProblem(comment: string): string | undefined {
  const bytes = new TextEncoder().encode(comment).length
  return bytes > commentBytesMax ? `Shorten it: ${count(commentBytesMax)} bytes at most, this has ${count(bytes)}.` : undefined
}

/** A value as it came, in its unit. */
export function shownValue(value: unknown, unit = ''): string {
  if (value === null || value === undefined) return '–'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return unit === '' ? text : `${text} ${unit}`
}

/** How many nobody has acknowledged; nothing when there are none. */
export function stripWords(counts: AlarmCounts | undefined): string {
  if (counts === undefined || counts.unacknowledged === 0) return ''
  return `${plural(counts.unacknowledged, 'alarm')} not acknowledged.${counts.highest === null ? '' : ` Most urgent: ${counts.highest}.`}${floodWords(counts)}`
}

/** More than one person can follow, or nothing. */
export function floodWords({ flood }: AlarmCounts): string {
  return flood === null ? '' : ` More than can be followed: ${plural(flood.alarms, 'alarm')} since ${moment(flood.since)}.`
}

/** Changes that were counted instead of written, or nothing. */
export function countedWords({ kind, count: counted }: Pick<AlarmChange, 'kind' | 'count'>): string {
  if (counted === null || kind === 'chattering') return ''
  return `${plural(counted, 'change')} counted, not written`
}

/** How many are how, of all that are watched. */
export function countWords(counts: AlarmCounts): string {
  const parts = [
    `${count(counts.active)} active`,
    `${count(counts.unacknowledged)} not acknowledged`,
    counts.shelved > 0 ? `${count(counts.shelved)} shelved` : '',
    counts.suppressed > 0 ? `${count(counts.suppressed)} suppressed` : '',
    counts.out_of_service > 0 ? `${count(counts.out_of_service)} out of service` : '',
    counts.chattering > 0 ? `${count(counts.chattering)} changing too often` : '',
  ]
  return `${parts.filter((part) => part !== '').join(', ')}; ${plural(counts.total, 'alarm is', 'alarms are')} watched.`
}

export function doneWords(action: AlarmAction, { done }: AlarmAnswer): string {
  return done.length === 0 ? '' : `${plural(done.length, 'alarm is', 'alarms are')} ${actionWords[action].done}.`
}

export const alarmPageSize = 100

/** The page of a list that an address asks for, from 0. */
export const pageOf = (search: URLSearchParams): number => Math.max(0, Math.floor(Number(search.get('page') ?? '1')) - 1 || 0)

/** What an address asks of the edge. Without a state it is what is open. */
export function alarmFilter(search: URLSearchParams): AlarmFilter {
  const state = search.get('state') ?? 'open'
  const part = (key: string) => search.get(key) ?? ''
  return { state: state === 'all' ? '' : state, priority: part('priority'), device: part('device'), text: part('text'), offset: pageOf(search) * alarmPageSize, limit: alarmPageSize }
}
