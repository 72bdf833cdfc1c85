/** An alarm as it stands in the configuration, as a form, and its place in the document. */
import { isMap, isScalar, isSeq, parse, type YAMLMap } from 'yaml'

import { alarmPriorities, type AlarmPriority } from '../api/alarms'
import { nodeIn, withItem, withinItem } from './document'
import { numberOf, scalarText, setKeys, written, type Keys } from './formKeys'

export const alarmConditions = ['above', 'below', 'outside', 'equals', 'not_equals', 'rising', 'falling', 'deviation', 'bad', 'stale'] as const
export type AlarmCondition = (typeof alarmConditions)[number]

/** A value to compare with, in a form that keeps all digits. */
export interface Compared {
  kind: 'true' | 'false' | 'number' | 'text'
  text: string
}

/** Numbers and times as they are typed. */
export interface AlarmForm {
  name: string
  tags: string[]
  condition: AlarmCondition
  limit: string
  low: string
  high: string
  value: Compared
  after: string
  per: string
  reference: string
  hysteresis: string
  priority: AlarmPriority
  onDelay: string
  offDelay: string
  /** n of the last m samples; empty for none */
  samplesMet: string
  samplesOf: string
  latching: boolean
  acknowledge: boolean
  suppress: boolean
  suppressTag: string
  suppressValue: Compared
  enabled: boolean
  text: string
  response: string
}

export const emptyAlarm: AlarmForm = {
  name: '',
  tags: [''],
  condition: 'above',
  limit: '',
  low: '',
  high: '',
  value: { kind: 'true', text: '' },
  after: '',
  per: '',
  reference: '',
  hysteresis: '',
  priority: 'medium',
  onDelay: '',
  offDelay: '',
  samplesMet: '',
  samplesOf: '',
  latching: false,
  acknowledge: true,
  suppress: false,
  suppressTag: '',
  suppressValue: { kind: 'false', text: '' },
  enabled: true,
  text: '',
  response: '',
}

/** What a condition needs, in the form's fields. */
export const needs: Record<AlarmCondition, readonly ('limit' | 'range' | 'value' | 'after' | 'per' | 'reference')[]> = {
  above: ['limit'],
  below: ['limit'],
  outside: ['range'],
  equals: ['value'],
  not_equals: ['value'],
  rising: ['limit', 'per'],
  falling: ['limit', 'per'],
  deviation: ['limit', 'reference'],
  bad: [],
  stale: ['after'],
}

export const hasHysteresis = (condition: AlarmCondition) => needs[condition].includes('limit') || needs[condition].includes('range')
export const hasSamples = (condition: AlarmCondition) => condition !== 'stale'

/** Keys of the document that the form knows. */
const known = new Set(['name', 'tags', 'condition', 'limit', 'range', 'value', 'after', 'per', 'reference', 'hysteresis', 'priority', 'on_delay', 'off_delay', 'samples', 'latching', 'acknowledge', 'suppress_when', 'enabled', 'text', 'response'])

function comparedOf(node: unknown, otherwise: Compared): Compared {
  if (!isScalar(node)) return otherwise
  const { value } = node
  if (typeof value === 'boolean') return { kind: value ? 'true' : 'false', text: '' }
  if (typeof value === 'number') return { kind: 'number', text: scalarText(node) }
  return typeof value === 'string' ? { kind: 'text', text: value } : otherwise
}

export function comparedValue({ kind, text }: Compared): boolean | number | bigint | string {
  return kind === 'true' || kind === 'false' ? kind === 'true' : kind === 'number' ? numberOf(text) : text
}

/** Two of a list of two numbers, as they are written. */
function pairOf(node: unknown): [string, string] {
  return isSeq(node) ? [scalarText(node.items[0]), scalarText(node.items[1])] : ['', '']
}

const isOneOf = <T extends string>(all: readonly T[], value: string): value is T => (all as readonly string[]).includes(value)

function formOf(item: YAMLMap): AlarmForm | undefined {
  const node = (key: string): unknown => item.get(key, true)
  const text = (key: string) => scalarText(node(key))
  const tags = node('tags')
  const condition = text('condition')
  const priority = text('priority')
  if (!isOneOf(alarmConditions, condition) || !isSeq(tags) || !tags.items.every(isScalar)) return undefined
  const suppress = node('suppress_when')
  const [low, high] = pairOf(node('range'))
  const [samplesMet, samplesOf] = pairOf(node('samples'))
  return {
    name: text('name'),
    tags: tags.items.map(scalarText),
    condition,
    limit: text('limit'),
    low,
    high,
    value: comparedOf(node('value'), emptyAlarm.value),
    after: text('after'),
    per: text('per'),
    reference: text('reference'),
    hysteresis: text('hysteresis'),
    priority: isOneOf(alarmPriorities, priority) ? priority : 'medium',
    onDelay: text('on_delay'),
    offDelay: text('off_delay'),
    samplesMet,
    samplesOf,
    latching: text('latching') === 'true',
    acknowledge: text('acknowledge') !== 'false',
    suppress: isMap(suppress),
    suppressTag: isMap(suppress) ? scalarText(suppress.get('tag', true)) : '',
    suppressValue: comparedOf(isMap(suppress) ? suppress.get('equals', true) : undefined, emptyAlarm.suppressValue),
    enabled: text('enabled') !== 'false',
    text: text('text'),
    response: text('response'),
  }
}

/** An alarm of the document as a form; nothing where it is not there, or has a form that the console cannot read. */
export function alarmIn(text: string, name: string): AlarmForm | undefined {
  const item = nodeIn(text, 'alarms', name)
  return item === undefined ? undefined : formOf(item)
}

/** Keys that the form has no field for. They stay as they are. */
export function otherKeys(text: string, name: string): string[] {
  const item = nodeIn(text, 'alarms', name)
  return item === undefined ? [] : item.items.flatMap(({ key }) => (isScalar(key) && !known.has(String(key.value)) ? [String(key.value)] : []))
}

const some = (text: string) => (text.trim() === '' ? undefined : text.trim())
const number = (text: string) => (text.trim() === '' ? undefined : numberOf(text))
const unless = (otherwise: boolean, value: boolean) => (value === otherwise ? undefined : value)

/** The keys of the document, in the order in which they are read; `undefined` is left out. */
export function keysOf(form: AlarmForm): Keys {
  const { condition } = form
  const has = (key: (typeof needs)[AlarmCondition][number]) => needs[condition].includes(key)
  return {
    name: form.name,
    tags: form.tags.map((tag) => tag.trim()).filter((tag) => tag !== ''),
    condition,
    limit: has('limit') ? number(form.limit) : undefined,
    range: has('range') ? [numberOf(form.low), numberOf(form.high)] : undefined,
    value: has('value') ? comparedValue(form.value) : undefined,
    after: has('after') ? some(form.after) : undefined,
    per: has('per') ? some(form.per) : undefined,
    reference: has('reference') ? some(form.reference) : undefined,
    hysteresis: hasHysteresis(condition) ? number(form.hysteresis) : undefined,
    on_delay: some(form.onDelay),
    off_delay: some(form.offDelay),
    samples: hasSamples(condition) && form.samplesMet.trim() !== '' ? [numberOf(form.samplesMet), numberOf(form.samplesOf)] : undefined,
    priority: form.priority === 'medium' ? undefined : form.priority,
    latching: unless(false, form.latching),
    acknowledge: unless(true, form.acknowledge),
    suppress_when: form.suppress ? { tag: form.suppressTag.trim(), equals: comparedValue(form.suppressValue) } : undefined,
    enabled: unless(true, form.enabled),
    text: some(form.text),
    response: some(form.response),
  }
}

/** Adds the alarm, or changes what differs in the one of its name. */
export function withAlarm(text: string, form: AlarmForm): string {
  const now = nodeIn(text, 'alarms', form.name)
  if (now === undefined) return withItem(text, 'alarms', written(keysOf(form)))
  const before = formOf(now)
  return withinItem(text, 'alarms', form.name, (document) => {
    if (isMap(document.contents)) setKeys(document.contents, before === undefined ? {} : keysOf(before), keysOf(form))
  })
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function listIn(text: string, key: string): Record<string, unknown>[] {
  let plain: unknown
  try {
    plain = parse(text)
  } catch {
    return []
  }
  const list: unknown = isRecord(plain) ? plain[key] : undefined
  return Array.isArray(list) ? list.filter(isRecord) : []
}

/** Alarms of rules, by name, with the rule that raises each: unless told, it has the rule's name. */
export function ruleAlarmsIn(text: string): Map<string, { rule: string; priority: string }> {
  return new Map(
    listIn(text, 'rules').flatMap(({ name, actions }) =>
      (Array.isArray(actions) ? actions : []).flatMap((action: unknown): [string, { rule: string; priority: string }][] => {
        const alarm: unknown = isRecord(action) ? action['alarm'] : undefined
        return isRecord(alarm) && typeof name === 'string' ? [[typeof alarm['name'] === 'string' ? alarm['name'] : name, { rule: name, priority: typeof alarm['priority'] === 'string' ? alarm['priority'] : 'medium' }]] : []
      }),
    ),
  )
}

/** One line of the list of definitions. */
export interface Defined {
  name: string
  tags: string[]
  /** such as `above 95` */
  condition: string
  priority: string
  text: string
  enabled: boolean
}

export function definedIn(text: string): Defined[] {
  return listIn(text, 'alarms').flatMap((alarm) => {
    const { name, tags, priority, text: meaning, enabled } = alarm
    if (typeof name !== 'string') return []
    const all: unknown[] = Array.isArray(tags) ? tags : []
    return [{ name, tags: all.map(String), condition: conditionOf(alarm), priority: typeof priority === 'string' ? priority : 'medium', text: typeof meaning === 'string' ? meaning : '', enabled: enabled !== false }]
  })
}

/** As it is written, in few words. */
function conditionOf(alarm: Record<string, unknown>): string {
  const shown = (key: string) => {
    const value = alarm[key]
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? '?')
  }
  switch (alarm['condition']) {
    case 'outside':
      return `outside ${Array.isArray(alarm['range']) ? alarm['range'].join(' to ') : '?'}`
    case 'equals':
      return `is ${shown('value')}`
    case 'not_equals':
      return `is not ${shown('value')}`
    case 'rising':
    case 'falling':
      return `${shown('condition')} by more than ${shown('limit')} in ${shown('per')}`
    case 'deviation':
      return `more than ${shown('limit')} from ${shown('reference')}`
    case 'bad':
      return 'of bad quality'
    case 'stale':
      return `missing for ${shown('after')}`
    default:
      return `${shown('condition')} ${shown('limit')}`
  }
}
