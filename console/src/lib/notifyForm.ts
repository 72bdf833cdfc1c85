/** Channels and routes as they stand in the configuration, as forms, and their places in the document. */
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'

import { alarmPriorities, type AlarmPriority } from '../api/alarms'
import { itemIn, mergeMap, nodeIn, withItem, withinItem, withinMap } from './document'
import { numberOf, scalarText, setKeys, timeMs, timeProblem, written, type Keys, type Problems } from './formKeys'
import { nameProblem } from './naming'
import { globMatches, patternOf } from './pattern'
import { cleaned, type Settings } from './settings'

export interface ChannelForm {
  name: string
  kind: string
  description: string
  settings: Settings
}

export const emptyChannel: ChannelForm = { name: '', kind: '', description: '', settings: {} }

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof days)[number]

export interface LevelForm {
  after: string
  to: string[]
}

export interface QuietForm {
  days: Day[]
  from: string
  to: string
  upTo: AlarmPriority
}

export interface RouteForm {
  name: string
  description: string
  enabled: boolean
  /** names of alarms, commas between them; empty: all */
  alarms: string
  /** empty: all */
  tags: string[]
  minPriority: AlarmPriority
  to: string[]
  cleared: boolean
  acknowledged: boolean
  after: string
  repeat: string
  escalate: LevelForm[]
  quiet: QuietForm[]
  messagesMax: string
}

export const emptyRoute: RouteForm = { name: '', description: '', enabled: true, alarms: '', tags: [], minPriority: 'low', to: [], cleared: false, acknowledged: false, after: '', repeat: '', escalate: [], quiet: [], messagesMax: '' }
export const emptyQuiet: QuietForm = { days: [...days], from: '22:00', to: '06:00', upTo: 'high' }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

export function channelIn(text: string, name: string): ChannelForm | undefined {
  const item = itemIn(text, 'notify.channels', name)
  if (!isRecord(item) || typeof item['kind'] !== 'string') return undefined
  const { kind, description, settings } = item
  if (settings !== undefined && settings !== null && !isRecord(settings)) return undefined
  return { name, kind, description: typeof description === 'string' ? description : '', settings: isRecord(settings) ? settings : {} }
}

/** Adds the channel, or changes what differs in the one of its name. */
export function withChannel(text: string, form: ChannelForm): string {
  const { name, kind } = form
  const description = form.description.trim() === '' ? undefined : form.description.trim()
  const settings = cleaned(form.settings)
  const before = channelIn(text, name)
  if (before === undefined) return withItem(text, 'notify.channels', { name, kind, description, settings })
  return withinItem(text, 'notify.channels', name, (document) => {
    if (!isMap(document.contents)) return
    setKeys(document.contents, { kind: before.kind, description: before.description === '' ? undefined : before.description }, { kind, description })
    mergeMap(document, 'settings', settings)
  })
}

const texts = (node: unknown): string[] => (isSeq(node) ? node.items.map(scalarText) : [])
const isOneOf = <T extends string>(all: readonly T[], value: string): value is T => (all as readonly string[]).includes(value)
const priorityOf = (node: unknown, otherwise: AlarmPriority) => {
  const text = scalarText(node)
  return isOneOf(alarmPriorities, text) ? text : otherwise
}
const mapsOf = (node: unknown): YAMLMap[] => (isSeq(node) ? node.items.filter((item): item is YAMLMap => isMap(item)) : [])

function formOf(item: YAMLMap): RouteForm {
  const node = (key: string): unknown => item.get(key, true)
  const text = (key: string) => scalarText(node(key))
  const also = texts(node('also'))
  return {
    name: text('name'),
    description: text('description'),
    enabled: text('enabled') !== 'false',
    alarms: texts(node('alarms')).join(', '),
    tags: texts(node('tags')),
    minPriority: priorityOf(node('min_priority'), 'low'),
    to: texts(node('to')),
    cleared: also.includes('cleared'),
    acknowledged: also.includes('acknowledged'),
    after: text('after'),
    repeat: text('repeat'),
    escalate: mapsOf(node('escalate')).map((level) => ({ after: scalarText(level.get('after', true)), to: texts(level.get('to', true)) })),
    quiet: mapsOf(node('quiet')).map((quiet) => {
      const named = texts(quiet.get('days', true)).filter((day) => isOneOf(days, day))
      return { days: isSeq(quiet.get('days', true)) ? named : [...days], from: scalarText(quiet.get('from', true)), to: scalarText(quiet.get('to', true)), upTo: priorityOf(quiet.get('up_to', true), 'high') }
    }),
    messagesMax: text('messages_per_hour_max'),
  }
}

export function routeIn(text: string, name: string): RouteForm | undefined {
  const item = nodeIn(text, 'notify.routes', name)
  return item === undefined ? undefined : formOf(item)
}

/** Keys that the form has no field for. They stay as they are. */
export function otherRouteKeys(text: string, name: string): string[] {
  const known = new Set(['name', 'description', 'enabled', 'alarms', 'tags', 'min_priority', 'to', 'also', 'after', 'repeat', 'escalate', 'quiet', 'messages_per_hour_max'])
  const item = nodeIn(text, 'notify.routes', name)
  return item === undefined ? [] : item.items.flatMap(({ key }) => (isScalar(key) && !known.has(String(key.value)) ? [String(key.value)] : []))
}

const some = (text: string) => (text.trim() === '' ? undefined : text.trim())
const list = <T>(items: T[]) => (items.length === 0 ? undefined : items)

/** Names as they are typed, apart by commas or spaces. */
export function namesOf(typed: string): string[] {
  return [...new Set(typed.split(/[\s,]+/).filter((each) => each !== ''))]
}

function keysOf(form: RouteForm): Keys {
  return {
    name: form.name,
    description: some(form.description),
    enabled: form.enabled ? undefined : false,
    alarms: list(namesOf(form.alarms)),
    tags: list(form.tags.map((tag) => tag.trim()).filter((tag) => tag !== '')),
    min_priority: form.minPriority === 'low' ? undefined : form.minPriority,
    to: form.to,
    also: list([...(form.cleared ? ['cleared'] : []), ...(form.acknowledged ? ['acknowledged'] : [])]),
    after: some(form.after),
    repeat: some(form.repeat),
    escalate: list(form.escalate.map(({ after, to }) => ({ after: after.trim(), to }))),
    quiet: list(form.quiet.map((quiet) => ({ ...(quiet.days.length === days.length ? {} : { days: quiet.days }), from: quiet.from.trim(), to: quiet.to.trim(), ...(quiet.upTo === 'high' ? {} : { up_to: quiet.upTo }) }))),
    messages_per_hour_max: form.messagesMax.trim() === '' ? undefined : numberOf(form.messagesMax),
  }
}

/** Adds the route, or changes what differs in the one of its name. */
export function withRoute(text: string, form: RouteForm): string {
  const now = nodeIn(text, 'notify.routes', form.name)
  if (now === undefined) return withItem(text, 'notify.routes', written(keysOf(form)))
  const before = keysOf(formOf(now))
  return withinItem(text, 'notify.routes', form.name, (document) => {
    if (isMap(document.contents)) setKeys(document.contents, before, keysOf(form))
  })
}

export interface NotifyForm {
  timeZone: string
  publicUrl: string
}

export function notifyIn(text: string): NotifyForm {
  const document = parseDocument(text)
  const [timeZone = '', publicUrl = ''] = ['time_zone', 'public_url'].map((key) => scalarText(document.getIn(['notify', key], true)))
  return { timeZone, publicUrl }
}

export function withNotify(text: string, form: NotifyForm): string {
  const keys = ({ timeZone, publicUrl }: NotifyForm): Keys => ({ time_zone: some(timeZone), public_url: some(publicUrl) })
  const before = keys(notifyIn(text))
  return withinMap(text, 'notify', (document) => {
    if (isMap(document.contents)) setKeys(document.contents, before, keys(form))
  })
}

const monthMs = 31 * 86_400_000
const messagesMost = 360

/** By field; `@name` and `@kind` are the channel's own, others are settings. */
export function channelProblems(form: ChannelForm, taken: ReadonlySet<string>): Problems {
  const problems: Problems = new Map()
  const name = nameProblem(form.name) ?? (taken.has(form.name) ? 'A channel has this name already. Choose another.' : undefined)
  if (name !== undefined) problems.set('@name', name)
  if (form.kind === '') problems.set('@kind', 'Choose how people are told.')
  return problems
}

export function routeProblems(form: RouteForm, taken: ReadonlySet<string>): Problems {
  const problems: Problems = new Map()
  const note = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.set(field, problem)
  }
  note('name', nameProblem(form.name) ?? (taken.has(form.name) ? 'A route has this name already. Choose another.' : undefined))
  note('to', form.to.length === 0 ? 'Choose at least one channel.' : undefined)
  const odd = namesOf(form.alarms).find((each) => each.includes('/'))
  note('alarms', odd === undefined ? undefined : `“${odd}” is no name of an alarm: tags are chosen below.`)
  for (const [index, tag] of form.tags.entries()) {
    const pattern = tag.trim() === '' ? undefined : patternOf(tag.trim())
    if (tag.trim() !== '' && (pattern === undefined || tag.split('/').length > 2)) note(`tags.${index}`, 'Write a device and its tag, such as boiler-1/pressure; `*` stands for any characters.')
  }
  note('after', timeProblem(form.after, 0, monthMs, 'of a month (31d) at most'))
  note('repeat', timeProblem(form.repeat, 60_000, monthMs, 'from 1m to a month (31d)'))
  let before = timeMs(form.after) ?? 0
  for (const [index, level] of form.escalate.entries()) {
    const ms = timeMs(level.after)
    note(`escalate.${index}.after`, level.after.trim() === '' ? 'Enter a time, such as 10m.' : (timeProblem(level.after, 0, monthMs, 'of a month (31d) at most') ?? (ms !== undefined && ms <= before ? 'It must be later than the level before: times count from when the alarm was raised.' : undefined)))
    note(`escalate.${index}.to`, level.to.length === 0 ? 'Choose at least one channel.' : undefined)
    before = ms ?? before
  }
  for (const [index, quiet] of form.quiet.entries()) {
    for (const key of ['from', 'to'] as const) note(`quiet.${index}.${key}`, /^([01]?\d|2[0-3]):[0-5]\d$/.test(quiet[key].trim()) ? undefined : 'Write a time of day, such as 22:00.')
    note(`quiet.${index}.days`, quiet.days.length === 0 ? 'Choose at least one day.' : undefined)
  }
  const most = Number(form.messagesMax)
  note('messages_per_hour_max', form.messagesMax.trim() === '' || (/^\d+$/.test(form.messagesMax.trim()) && most >= 1 && most <= messagesMost) ? undefined : `Write a whole number from 1 to ${messagesMost}.`)
  return problems
}

/** The form's field for a key of a route: of lists without fields of their own, the list. */
export function routeField(key: string): string {
  return key.replace(/^(alarms|to|also)\.\d+$/, '$1').replace(/^(escalate\.\d+\.to|quiet\.\d+\.days)\.\d+$/, '$1')
}

export function channelField(key: string): string {
  return key.startsWith('settings.') ? key.slice('settings.'.length) : `@${key}`
}

/** Which of these alarms a route chooses by their names and priorities. */
export function chosenBy({ alarms, minPriority }: Pick<RouteForm, 'alarms' | 'minPriority'>, all: readonly { name: string; priority: string }[]): string[] {
  const patterns = namesOf(alarms)
  const urgent = (priority: string) => alarmPriorities.indexOf(priority as AlarmPriority) <= alarmPriorities.indexOf(minPriority)
  return all.filter((alarm) => urgent(alarm.priority) && (patterns.length === 0 || patterns.some((pattern) => globMatches(pattern, alarm.name)))).map((alarm) => alarm.name)
}
