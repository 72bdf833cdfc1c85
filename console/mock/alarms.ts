/** The mock's alarms: a few of every state while its faults last, all normal otherwise. Acting on them with the
 * comment `too late` finds that somebody else was quicker with the first of them. */
import { alarmIn, definedIn, type AlarmForm } from '../src/lib/alarmForm'
import { judge } from '../src/lib/alarmJudge'
import { chooses, patternOf } from '../src/lib/pattern'
import type { Alarm, AlarmAction, AlarmAnswer, AlarmChange, AlarmChangeKind, AlarmChoice, AlarmCounts, AlarmName, AlarmPriority, AlarmState } from '../src/api/alarms'
import { Refused, ago, type Route } from './call'
import type { MockEdge } from './edge'
import { value } from './stored'

interface Kept {
  name: string
  device: string
  tag: string
  priority: AlarmPriority
  condition: string
  text: string | null
  response: string | null
  active: boolean
  latched: boolean
  unacknowledged: number
  raised: number
  since: string | null
  shelf: Alarm['shelf']
  suppressed: string | null
  outOfService: boolean
}

const rest = { text: null, response: null, active: false, latched: false, unacknowledged: 0, raised: 0, since: null, shelf: null, suppressed: null, outOfService: false }

/** What is the matter while the faults last. */
function troubled(): Kept[] {
  const made = (name: string, device: string, tag: string, priority: AlarmPriority, condition: string, more: Partial<Kept>): Kept => ({ ...rest, name, device, tag, priority, condition, raised: 1, ...more })
  const hot = { text: 'Drum pressure too high', response: 'Take load off the boiler, then look at the safety valve' }
  return [
    made('pressure-high', 'boiler-1', 'drum_pressure', 'critical', 'above 7.5 bar', { ...hot, active: true, unacknowledged: 1, since: ago(95_000) }),
    made('oxygen-low', 'boiler-1', 'flue_gas_oxygen', 'high', 'below 4 %', { text: 'Too little oxygen in the flue gas', response: 'Open the air damper by hand, then call the burner service', active: true, unacknowledged: 3, raised: 3, since: ago(640_000) }),
    made('pressure-high', 'boiler-2', 'drum_pressure', 'critical', 'above 7.5 bar', { ...hot, active: true, since: ago(2_100_000) }),
    made('water-cold', 'boiler-2', 'feed_water_temperature', 'medium', 'below 95 °C', { text: 'Feed water too cold', unacknowledged: 1, since: ago(1_300_000) }),
    made('film-torn', 'packer-1', 'film_tension', 'low', 'below 6 N', { text: 'Film torn', response: 'Thread the film anew, then reset', latched: true, since: ago(4_000_000) }),
    made('infeed-full', 'packer-1', 'infeed_full', 'medium', 'is true', { text: 'Infeed full for 5 minutes', active: true, since: ago(3_000_000), shelf: { by: 'lena', comment: 'Line 1 is being cleaned', until: ago(-2_400_000) } }),
    made('speed-low', 'packer-2', 'speed', 'medium', 'below 60 1/min', { text: 'Packer too slow', active: true, since: ago(700_000), suppressed: 'The device does not answer' }),
    made('seal-cold', 'packer-2', 'sealing_temperature', 'high', 'below 140 °C', { text: 'Sealing jaw too cold', active: true, since: ago(700_000), outOfService: true }),
  ]
}

/** Three alarms of every tag that are well, so that there is more than one page. */
function calm(edge: MockEdge): Kept[] {
  return edge.devices.slice(0, 4).flatMap((device) =>
    [...device.tags.values()].flatMap(({ point }) => [
      { ...rest, name: 'lost', device: device.name, tag: point.name, priority: 'low' as const, condition: 'bad quality' },
      { ...rest, name: 'frozen', device: device.name, tag: point.name, priority: 'low' as const, condition: 'is not “moving”' },
      { ...rest, name: 'stepped', device: device.name, tag: point.name, priority: 'low' as const, condition: 'is not “steady”' },
    ]),
  )
}

function stateOf(alarm: Kept): AlarmState {
  if (alarm.outOfService) return 'out_of_service'
  if (alarm.suppressed !== null) return 'suppressed'
  if (alarm.shelf !== null) return 'shelved'
  if (alarm.active) return alarm.unacknowledged > 0 ? 'unacknowledged' : 'acknowledged'
  return alarm.unacknowledged > 0 ? 'cleared_unacknowledged' : alarm.latched ? 'latched' : 'normal'
}

/** What nobody has acknowledged first, then what is open, put aside, and well. */
const classes: AlarmState[][] = [['unacknowledged', 'cleared_unacknowledged'], ['acknowledged', 'latched'], ['shelved', 'suppressed', 'out_of_service'], ['normal']]
const classOf = (state: AlarmState) => classes.findIndex((each) => each.includes(state))
const order: AlarmState[] = ['unacknowledged', 'acknowledged', 'cleared_unacknowledged', 'latched', 'shelved', 'suppressed', 'out_of_service', 'normal']
const urgency: AlarmPriority[] = ['critical', 'high', 'medium', 'low']
const open = order.slice(0, 4)

/** Does it, or says why not, in the words of the edge. */
function operate(alarm: Kept, action: AlarmAction, shelf: NonNullable<Alarm['shelf']>): AlarmChangeKind | string {
  switch (action) {
    case 'acknowledge':
      if (alarm.unacknowledged === 0) return 'there is nothing to acknowledge'
      alarm.unacknowledged = 0
      return 'acknowledged'
    case 'reset':
      if (alarm.active) return 'the condition is still met; remove the cause first'
      if (!alarm.latched) return 'the alarm is not latched'
      alarm.latched = false
      return 'reset'
    case 'shelve':
      if (alarm.outOfService) return 'the alarm is out of service; return it to service first'
      alarm.shelf = shelf
      return 'shelved'
    case 'unshelve':
      if (alarm.shelf === null) return 'the alarm is not shelved'
      alarm.shelf = null
      return 'unshelved'
    case 'take-out-of-service':
      if (alarm.outOfService) return 'the alarm is out of service; return it to service first'
      Object.assign(alarm, { outOfService: true, shelf: null })
      return 'out_of_service'
    case 'return-to-service':
      if (!alarm.outOfService) return 'the alarm is in service'
      alarm.outOfService = false
      return 'in_service'
  }
}

const kinds: readonly string[] = ['acknowledged', 'reset', 'shelved', 'unshelved', 'out_of_service', 'in_service'] satisfies AlarmChangeKind[]

export class Alarms {
  private kept: Kept[] = []
  private changes: AlarmChange[] = []

  constructor(
    private readonly edge: MockEdge,
    private readonly text: () => string,
  ) {
    edge.alarmCounts = () => this.counts()
  }

  /** As at the start. */
  reset() {
    this.kept = troubled()
    this.changes = []
    for (let index = 130; index > 0; index--) {
      const [first, ...others] = this.kept
      const of = [first, ...others][Math.floor(index / 3) % this.kept.length] ?? first
      if (of === undefined) continue
      const at = ago(index * 900_000)
      const turn = index % 3
      if (turn === 2) this.note(of, 'raised', { at, value: 8.02 })
      else if (turn === 1) this.note(of, 'acknowledged', { at, by: 'lena', comment: index % 2 === 0 ? 'On my way' : null })
      else this.note(of, 'cleared', { at, value: 7.31, announced: index % 4 !== 0 })
    }
  }

  private note({ name, device, tag, priority, text }: Kept, kind: AlarmChangeKind, more: Partial<AlarmChange>) {
    this.changes.unshift({ seq: this.changes.length + 1, at: ago(0), name, device, tag, kind, priority, announced: true, state: 'unacknowledged', count: null, value: null, value_text: more.value === undefined ? null : String(more.value), unit: this.unitOf(device, tag), by: null, comment: null, text, ...more })
  }

  private unitOf(device: string, tag: string): string {
    return this.edge.devices.find((each) => each.name === device)?.tags.get(tag)?.point.unit ?? ''
  }

  private all(): Alarm[] {
    if (this.edge.devices.length === 0) return []
    const faults = this.edge.scenario === 'faults'
    const own = this.defined()
    const special = faults ? this.kept : this.kept.map((each) => ({ ...each, ...rest, text: each.text, response: each.response }))
    return [...own, ...special, ...calm(this.edge).filter((each) => !this.kept.some((one) => one.name === each.name && one.device === each.device && one.tag === each.tag))].map((each) => this.shown(each)).toSorted((a, b) => classOf(a.state) - classOf(b.state) || urgency.indexOf(a.priority) - urgency.indexOf(b.priority) || order.indexOf(a.state) - order.indexOf(b.state))
  }

  /** Those of the configuration that the mock does not know, judged by what their tags are now. */
  private defined(): Kept[] {
    const text = this.text()
    const known = new Set([...this.kept, ...calm(this.edge)].map((each) => each.name))
    return definedIn(text).flatMap(({ name, condition }) => {
      const form = known.has(name) ? undefined : alarmIn(text, name)
      return form === undefined ? [] : this.instances(form, condition)
    })
  }

  private instances(form: AlarmForm, condition: string): Kept[] {
    const patterns = form.tags.flatMap((tag) => patternOf(tag) ?? [])
    const now = Date.now()
    return this.edge.devices.flatMap((device) =>
      [...device.tags.values()].flatMap((tag) => {
        if (!patterns.some((pattern) => chooses(pattern, { device: device.name, group: tag.point.group, name: tag.point.name }))) return []
        const state = { text: tag.last?.text ?? null, unit: tag.point.unit ?? '', severity: tag.last?.severity ?? ('bad' as const), ageMs: tag.last === undefined ? null : now - tag.last.at, qualitySince: tag.qualitySince }
        const active = form.enabled && judge(form, state, now).met === true
        return [{ ...rest, name: form.name, device: device.name, tag: tag.point.name, priority: form.priority, condition, text: form.text === '' ? null : form.text, response: form.response === '' ? null : form.response, active, unacknowledged: active ? 1 : 0, raised: active ? 1 : 0, since: active ? ago(1_000) : null }]
      }),
    )
  }

  private shown(alarm: Kept): Alarm {
    const { latched: _latched, outOfService: _out, ...whole } = alarm
    const tag = this.edge.devices.find((each) => each.name === alarm.device)?.tags.get(alarm.tag)
    const last = tag?.last
    return { ...whole, state: stateOf(alarm), chattering: false, not_written: 0, value: tag === undefined ? null : value(tag.point, last?.text ?? null), value_text: last?.text ?? null, unit: this.unitOf(alarm.device, alarm.tag), quality: last?.severity ?? null }
  }

  counts(): AlarmCounts {
    const all = this.all()
    const many = (...states: AlarmState[]) => all.filter((each) => states.includes(each.state)).length
    const felt = all.filter((each) => classOf(each.state) === 0)
    return {
      total: all.length,
      active: many('unacknowledged', 'acknowledged'),
      unacknowledged: many('unacknowledged', 'cleared_unacknowledged'),
      shelved: many('shelved'),
      suppressed: many('suppressed'),
      out_of_service: many('out_of_service'),
      highest: urgency.find((priority) => felt.some((each) => each.priority === priority)) ?? null,
      chattering: 0,
      flood: null,
    }
  }

  list(search: URLSearchParams) {
    const [state, priority, device] = ['state', 'priority', 'device'].map((key) => search.get(key))
    const text = (search.get('text') ?? '').toLowerCase()
    const found = this.all().filter(
      (each) =>
        (state === null || (state === 'open' ? open.includes(each.state) : each.state === state)) &&
        (priority === null || each.priority === priority) &&
        (device === null || each.device === device) &&
        `${each.name} ${each.device} ${each.tag} ${each.text ?? ''}`.toLowerCase().includes(text),
    )
    const offset = Number(search.get('offset') ?? 0)
    const items = found.slice(offset, offset + Number(search.get('limit') ?? 100))
    return { items, total: found.length, next: offset + items.length < found.length ? offset + items.length : undefined }
  }

  history(search: URLSearchParams) {
    const before = Number(search.get('before') ?? Infinity)
    const limit = Number(search.get('limit') ?? 100)
    const is = (key: string, of: string) => search.get(key) === null || search.get(key) === of
    const found = this.edge.devices.length === 0 ? [] : this.changes.filter((each) => each.seq < before && is('alarm', each.name) && is('device', each.device) && is('tag', each.tag) && is('kind', each.kind))
    const items = found.slice(0, limit)
    return { items, next: found.length > items.length ? (items.at(-1)?.seq ?? null) : null }
  }

  operate(action: AlarmAction, body: string, by: string): AlarmAnswer {
    const { alarms, comment, for_ms: forMs }: AlarmChoice = JSON.parse(body)
    if ((action === 'shelve') !== (forMs !== undefined)) throw new Refused(422, 'invalid', 'an alarm is shelved for a time', 'give `for_ms`, from 1 to 604800000')
    const answer: AlarmAnswer = { done: [], refused: [] }
    for (const [index, name] of alarms.entries()) {
      const found = this.find(name)
      const late = comment === 'too late' && index === 0
      const end = found === undefined ? 'there is no such alarm' : late ? 'there is nothing to acknowledge' : operate(found, action, { by, comment: comment ?? '', until: ago(-(forMs ?? 0)) })
      const kind = kinds.find((each) => each === end) as AlarmChangeKind | undefined
      if (found === undefined || kind === undefined) {
        answer.refused.push({ ...name, cause: end })
        continue
      }
      this.note(found, kind, { by, comment: comment ?? null })
      answer.done.push(this.shown(found))
    }
    return answer
  }

  /** One that was well is kept from the first act on. */
  private find({ name, device, tag }: AlarmName): Kept | undefined {
    const is = (each: Kept) => each.name === name && each.device === device && each.tag === tag
    const calmOne = calm(this.edge).find(is)
    const found = this.kept.find(is) ?? calmOne
    if (found !== undefined && found === calmOne) this.kept.push(found)
    return found
  }
}

export function alarmRoutes(alarms: Alarms): Route[] {
  alarms.reset()
  return [
    [/^GET \/alarms$/, 'viewer', ({ url }) => alarms.list(url.searchParams)],
    [/^GET \/alarms\/changes$/, 'viewer', ({ url }) => alarms.history(url.searchParams)],
    [/^POST \/alarms\/(acknowledge|reset|shelve|unshelve|take-out-of-service|return-to-service)$/, 'operator', ({ part, body, me }) => alarms.operate(part(1) as AlarmAction, body, me.username)],
  ]
}
