/** The mock's check of alarms and of who is told: a sketch of what the edge does, in its words and with its paths. */
import { isMap, isScalar, isSeq, type Document, type Node, type YAMLMap } from 'yaml'

import type { Finding } from '../src/api/types'
import { alarmConditions, needs, type AlarmCondition } from '../src/lib/alarmForm'
import { chooses, patternOf } from '../src/lib/pattern'
import type { ParsedDevice } from './config'
import { points } from './plant'

export type Find = (weight: Finding['weight'], path: string, offset: number, problem: string, remedy: string) => void

export interface PlainTag {
  device: string
  group: string
  name: string
  type: string
}

export function tagsOf(devices: ParsedDevice[]): PlainTag[] {
  return devices.flatMap((device) => {
    const own = device.tags.every((point) => point.formula !== undefined) && device.driver !== 'calculated' ? points[device.kind] : []
    return [...own, ...device.tags].map((point) => ({ device: device.name, group: point.group, name: point.name, type: point.type }))
  })
}

export const placeOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0

const keys = ['limit', 'range', 'value', 'after', 'per', 'reference'] as const
const examples: Record<(typeof keys)[number], string> = { limit: 'limit: 95', range: 'range: [1, 5]', value: 'value: true', after: 'after: 5m', per: 'per: 1m', reference: 'reference: boiler-1/setpoint' }

export function lintAlarms(document: Document, devices: ParsedDevice[], find: Find) {
  const list = document.get('alarms')
  if (!isSeq(list)) return
  const tags = tagsOf(devices)
  for (const [index, item] of list.items.entries()) if (isMap(item)) lintAlarm(item, `alarms[${String(item.get('name') ?? index)}]`, tags, find)
}

function lintAlarm(item: YAMLMap, path: string, tags: PlainTag[], find: Find) {
  const condition = String(item.get('condition')) as AlarmCondition
  if (!alarmConditions.includes(condition)) return find('error', `${path}.condition`, placeOf(item.get('condition', true)), `there is no condition \`${condition}\``, 'write `above`')
  for (const key of keys) {
    const given: unknown = item.get(key, true)
    const needed = needs[condition].includes(key)
    if (needed && given === undefined) find('error', path, placeOf(item), `the condition \`${condition}\` has no \`${key}\``, `write one, such as \`${examples[key]}\``)
    if (!needed && given !== undefined) find('error', `${path}.${key}`, placeOf(given), `\`${key}\` means nothing for the condition \`${condition}\``, `remove \`${key}\``)
  }
  const chosen = lintTags(item, path, tags, find)
  const text = ['bad', 'stale'].includes(condition) ? undefined : chosen.find((tag) => !fits(condition, item.get('value'), tag.type))
  if (text !== undefined) find('warning', `${path}.condition`, placeOf(item.get('condition', true)), `\`${text.device}/${text.name}\`, a ${text.type}, never has such a value`, 'choose tags of a fitting type, or another condition')
  const other = (at: string, node: unknown) => {
    if (!isScalar(node)) return
    const [device, name] = String(node.value).includes('/') ? String(node.value).split('/') : [chosen[0]?.device, String(node.value)]
    if (device !== undefined && !tags.some((tag) => tag.device === device && tag.name === name)) find('error', at, placeOf(node), `the device \`${device}\` has no tag \`${name ?? ''}\``, 'compare it with the names of tags; `device/tag` names one of another')
  }
  other(`${path}.reference`, item.get('reference', true))
  const suppress: unknown = item.get('suppress_when')
  if (isMap(suppress)) other(`${path}.suppress_when.tag`, suppress.get('tag', true))
}

function fits(condition: AlarmCondition, value: unknown, type: string): boolean {
  const number = !['bool', 'text', 'bytes'].includes(type)
  if (condition !== 'equals' && condition !== 'not_equals') return number
  return typeof value === 'boolean' ? type === 'bool' : typeof value === 'string' ? type === 'text' : number
}

/** The tags that are chosen. */
export function lintTags(item: YAMLMap, path: string, tags: PlainTag[], find: Find): PlainTag[] {
  const list: unknown = item.get('tags')
  if (!isSeq(list)) return []
  return list.items.flatMap((node, index) => {
    const text = isScalar(node) ? String(node.value) : ''
    const pattern = patternOf(text)
    if (pattern === undefined) {
      find('error', `${path}.tags[${index}]`, placeOf(node), `\`${text}\` is not a pattern of tags`, 'write `device/tag` or `device/group/tag`, with `*` and `?`')
      return []
    }
    const chosen = tags.filter((tag) => chooses(pattern, tag))
    if (chosen.length === 0) find('warning', `${path}.tags[${index}]`, placeOf(node), `\`${text}\` matches no tag`, 'compare it with the names of devices and tags')
    return chosen
  })
}

const zones: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone')]

export function lintNotify(document: Document, find: Find) {
  const notify = document.get('notify')
  if (!isMap(notify)) return
  const zone: unknown = notify.get('time_zone', true)
  if (isScalar(zone) && !zones.includes(String(zone.value))) find('error', 'notify.time_zone', placeOf(zone), `there is no time zone \`${String(zone.value)}\``, 'write it as the database of time zones does, such as `Europe/Berlin`')
  const items = (key: string): YAMLMap[] => {
    const list: unknown = notify.get(key)
    return isSeq(list) ? list.items.filter((item): item is YAMLMap => isMap(item)) : []
  }
  const names = items('channels').map((item) => String(item.get('name')))
  const used = new Set<string>()
  for (const route of items('routes')) lintRoute(route, names, used, find)
  for (const channel of items('channels')) {
    const name = String(channel.get('name'))
    const path = `notify.channels[${name}]`
    if (!used.has(name)) find('warning', `${path}.name`, placeOf(channel.get('name', true)), `no route leads to the channel \`${name}\``, 'name it in `to` of a route, or remove it')
    const settings: unknown = channel.get('settings')
    const from: unknown = isMap(settings) ? settings.get('from', true) : undefined
    if (isScalar(from) && !String(from.value).includes('@')) find('error', `${path}.settings.from`, placeOf(from), `\`${String(from.value)}\` is no address`, 'write one such as `tagwerk@plant.example`')
  }
}

function lintRoute(route: YAMLMap, names: string[], used: Set<string>, find: Find) {
  const path = `notify.routes[${String(route.get('name'))}]`
  const look = (list: unknown, place: string) => {
    for (const [index, node] of (isSeq(list) ? list.items : []).entries()) {
      const name = isScalar(node) ? String(node.value) : ''
      used.add(name)
      if (!names.includes(name)) find('error', `${place}[${index}]`, placeOf(node), `there is no channel \`${name}\``, 'name one of `notify.channels`, or add it there')
    }
  }
  look(route.get('to'), `${path}.to`)
  const levels: unknown = route.get('escalate')
  for (const [index, level] of (isSeq(levels) ? levels.items : []).entries()) if (isMap(level)) look(level.get('to'), `${path}.escalate[${index}].to`)
}
