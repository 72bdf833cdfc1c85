/** The mock's idea of a configuration: parse, lint with lines, diff. A sketch of what the edge does. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument, type Node } from 'yaml'

import type { Change, DiffResult, Effect, Finding, TemplateChange } from '../src/api/types'
import { lintAlarms, lintNotify } from './alarmLint'
import { fieldValue } from './field'
import { expanded, type PlainDevice } from './library'
import type { Point, points } from './plant'

export const demo = `# Demo plant: a boiler house and a packing line behind two Modbus gateways.
version: 1
edge:
  name: plant-north-1
  description: Boiler house and packaging, hall 2
devices:
  - name: boiler-1
    description: Steam boiler, 8 t/h
    driver: modbus-tcp
    settings:
      host: 127.0.0.1
      port: 5020
      unit: 1
    groups:
      - name: fast
        interval: 1s
      - name: slow
        interval: 10s
  - name: boiler-2
    description: Steam boiler, stand-by
    driver: modbus-tcp
    settings:
      host: 127.0.0.1
      port: 5020
      unit: 2
    groups:
      - name: fast
        interval: 1s
      - name: slow
        interval: 10s
  - name: packer-1
    description: Form, fill and seal, line 1
    driver: modbus-tcp
    settings:
      host: 127.0.0.1
      port: 5021
      unit: 11
    groups:
      - name: fast
        interval: 500ms
      - name: slow
        interval: 10s
  - name: packer-2
    description: Form, fill and seal, line 2
    driver: modbus-tcp
    settings:
      host: 127.0.0.1
      port: 5021
      unit: 12
    groups:
      - name: fast
        interval: 500ms
      - name: slow
        interval: 10s
sinks:
  - name: cloud
    kind: mqtt
    settings:
      url: mqtts://broker.example.com:8883
      topic: plant/north/{device}
  - name: mes
    kind: http
    settings:
      url: https://mes.example.com/intake
rules:
  - name: overpressure
    text: Boiler 1 above its pressure, over ten seconds
    labels: [boilers, safety]
    sql: |
      SELECT avg(drum_pressure) AS mean,
             max(drum_pressure) AS highest,
             max(drum_pressure) > 8.1 AS high
      FROM "boiler-1"
      GROUP BY tumbling_window('10s')
    units: { mean: bar, highest: bar }
    actions:
      - alarm: { column: high, priority: high, text: "Pressure above 8.1 bar", on_delay: 30s }
  - name: packing-speed
    text: Mean speed of line 1 by the minute
    labels: [packing]
    # Late rows come over the radio link.
    lateness: 2s
    sql: |
      SELECT avg(speed) AS mean, min(speed) AS lowest
      FROM "packer-1"
      GROUP BY tumbling_window('1m')
  - name: steam-balance
    labels: [boilers]
    sql: |
      SELECT avg(drum_pressure) AS mean FROM "boiler-2"
      GROUP BY tumbling_window('10s')
  - name: follow-pressure
    text: Set point of boiler 2 after that of boiler 1
    stage: trial
    labels: [boilers]
    sql: |
      SELECT pressure_setpoint AS wanted FROM "boiler-1"
    actions:
      - write: { column: wanted, tag: boiler-2/pressure_setpoint }
  - name: line-2-slow
    stage: trial
    labels: [packing]
    sql: |
      SELECT speed < 60 AS slow, speed FROM "packer-2"
  - name: film-left
    text: To be finished
    stage: draft
    sql: |
      SELECT film_left FROM "packer-1"
alarms:
  - name: pressure-high
    tags: ["boiler-*/drum_pressure"]
    condition: above
    limit: 8.5 # by the boiler's papers
    hysteresis: 0.2
    on_delay: 5s
    priority: critical
    text: Drum pressure too high
    response: Take load off the boiler, then look at the safety valve
  - name: oxygen-low
    tags: ["boiler-*/flue_gas_oxygen"]
    condition: below
    limit: 2
    samples: [3, 5]
    priority: high
    text: Too little oxygen in the flue gas
    response: Open the air damper by hand, then call the burner service
  - name: infeed-full
    tags: ["packer-*/infeed_full"]
    condition: equals
    value: true
    on_delay: 5m
    text: Infeed full for 5 minutes
  - name: film-torn
    tags: ["packer-1/film_tension"]
    condition: below
    limit: 6
    latching: true
    priority: low
    text: Film torn
    suppress_when: { tag: speed, equals: 0 }
  - name: lost
    tags: ["*/*"]
    condition: bad
    on_delay: 1m
    priority: low
notify:
  time_zone: Europe/Berlin
  channels:
    - name: shift-mail
      kind: email
      description: Whoever is on shift
      settings:
        server: mail.plant.example # in hall 1
        from: tagwerk@plant.example
        to: [shift@plant.example, control-room@plant.example]
    - name: chief-mail
      kind: email
      settings: { server: mail.plant.example, from: tagwerk@plant.example, to: [chief@plant.example] }
    - name: pager
      kind: webhook
      settings: { url: { secret: pager-address } }
  routes:
    - name: boilers
      description: Boilers are looked after day and night
      tags: ["boiler-*/*"]
      min_priority: high
      to: [shift-mail]
      also: [cleared, acknowledged]
      after: 30s
      repeat: 15m
      escalate:
        - { after: 10m, to: [chief-mail, pager] } # wakes people
      messages_per_hour_max: 20
    - name: rest
      to: [shift-mail]
      quiet:
        - { days: [sat, sun], from: "00:00", to: "00:00" }
        - { from: "22:00", to: "06:00" }
`

/** The demo plant with tags that are computed of others; the analyser of boiler 2 fails. */
export const withFormulas = demo
  .replace(
    /(- name: boiler-2[\s\S]*?interval: 1s\n)/,
    `$1        tags:
          # Tons of steam for a percent of load.
          - { name: steam_per_load, formula: steam_flow / burner_load, type: float64, unit: t/h/% }
          - { name: air_excess, formula: "20.9 / (20.9 - flue_gas_oxygen)", type: float64 } # of the analyser
`,
  )
  .replace(
    'sinks:',
    `  - name: boiler-house
    description: Both boilers together
    driver: calculated
    groups:
      - name: main
        interval: 1s
        tags:
          - { name: steam_total, formula: '"boiler-1/steam_flow" + "boiler-2/steam_flow"', type: float64, unit: t/h, description: Steam of both boilers }
sinks:`,
  )

const known: Record<string, string[]> = {
  '': ['version', 'edge', 'templates', 'devices', 'sinks', 'alarms', 'rules', 'notify'],
  edge: ['name', 'description'],
  devices: ['name', 'description', 'driver', 'template', 'parameters', 'overrides', 'enabled', 'settings', 'groups'],
  groups: ['name', 'interval', 'tags'],
  tags: ['name', 'address', 'formula', 'type', 'unit', 'description', 'access', 'range', 'scale', 'deadband', 'report'],
  alarms: ['name', 'tags', 'condition', 'limit', 'range', 'value', 'after', 'per', 'reference', 'hysteresis', 'priority', 'on_delay', 'off_delay', 'samples', 'latching', 'acknowledge', 'suppress_when', 'enabled', 'text', 'response'],
  notify: ['time_zone', 'public_url', 'channels', 'routes'],
  rules: ['name', 'sql', 'stage', 'lateness', 'labels', 'text', 'units', 'actions'],
  sinks: ['name', 'kind', 'description', 'enabled', 'settings', 'tags', 'from'],
}

export interface Parsed {
  findings: Finding[]
  devices: ParsedDevice[]
}

export interface ParsedDevice {
  name: string
  driver: string
  description: string
  link: string
  kind: keyof typeof points
  groups: Map<string, number>
  text: string
  /** tags that stand in the document; the plant's own devices have theirs in plant.ts */
  tags: Point[]
}

export function durationMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  if (digits === undefined) return undefined
  return Number(digits) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? 's'] ?? 1)
}

export function parse(text: string): Parsed {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const findings: Finding[] = []
  const find = (weight: Finding['weight'], path: string, offset: number, problem: string, remedy: string) => {
    const at = lines.linePos(offset)
    findings.push({ weight, path, line: at.line, column: at.col, problem, remedy })
  }
  for (const error of document.errors) {
    find('error', '', error.pos[0], `The text is not YAML: ${error.message.split('\n')[0] ?? ''}`, 'Check the indentation and the colons of this line.')
  }
  const walk = (node: unknown, path: string, kind: string) => {
    if (isSeq(node)) node.items.forEach((item, index) => walk(item, `${path}[${index}]`, kind))
    if (!isMap(node)) return
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      const offset = offsetOf(pair.key)
      const place = path === '' ? key : `${path}.${key}`
      const allowed = known[kind]
      if (allowed !== undefined && !allowed.includes(key)) {
        const near = allowed.find((each) => each.startsWith(key.slice(0, 4)) || key.startsWith(each))
        find('error', place, offset, `\`${key}\` is not a setting here`, near === undefined ? `Use one of ${allowed.join(', ')}.` : `Did you mean \`${near}\`?`)
      }
      const scalar = isScalar(pair.value) ? String(pair.value.value) : undefined
      if (key === 'interval' && kind === 'groups') {
        const ms = scalar === undefined ? undefined : durationMs(scalar)
        if (ms === undefined) find('error', place, offsetOf(pair.value), `\`${scalar ?? ''}\` is not a duration`, 'Write a number with its unit, such as 500ms, 1s or 5m.')
        else if (ms < 100) find('warning', place, offsetOf(pair.value), `${scalar} is faster than most devices answer`, 'Use 100ms or more unless the device is known to be fast.')
      }
      if (kind === '' && key in known) walk(pair.value, place, key)
      else if (key === 'groups' || key === 'tags') walk(pair.value, place, key)
    }
    if (kind === 'devices' && !node.has('driver') && !node.has('template')) find('error', path, node.range?.[0] ?? 0, 'The device has no `driver`', 'Add `driver: modbus-tcp`, or `driver: sim` to simulate it.')
  }
  walk(document.contents, '', '')
  const devices = devicesOf(document.toJS())
  lintAlarms(document, devices, find)
  lintNotify(document, find)
  return { findings, devices }
}

function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0
}

interface Plain {
  templates?: unknown[]
  devices?: (PlainDevice & { description?: string })[]
}

function devicesOf(plain: Plain | null): ParsedDevice[] {
  const devices = Array.isArray(plain?.devices) ? plain.devices : []
  return devices.map((written) => {
    const each = expanded(written, plain?.templates ?? [])
    const name = String(each?.name ?? '?')
    const groups = Array.isArray(each?.groups) ? each.groups : []
    const settings = each?.settings ?? {}
    return {
      name,
      driver: String(each?.driver ?? '?'),
      description: String(written?.description ?? ''),
      link: `${each?.driver}://${String(settings['endpoint'] ?? `${String(settings['host'] ?? 'local')}:${String(settings['port'] ?? 0)}`)}`,
      kind: each?.driver === 'sim' ? 'sim' : name.startsWith('packer') ? 'packer' : name.startsWith('battery') ? 'many' : 'boiler',
      groups: new Map(groups.map((group) => [String(group?.name), durationMs(String(group?.interval)) ?? 1000])),
      text: JSON.stringify(written),
      tags: groups.flatMap((group) => (group?.tags ?? []).map((tag): Point => pointOf(each, group.name, tag))),
    }
  })
}

function pointOf(device: PlainDevice, group: string, tag: { name: string; address?: string; formula?: string; type: string; unit?: string; description?: string; access?: string }): Point {
  return {
    group,
    name: String(tag.name),
    address: tag.formula === undefined ? String(tag.address) : '',
    formula: tag.formula,
    type: String(tag.type),
    unit: tag.unit,
    description: tag.description,
    access: tag.access === 'read_write' ? 'read_write' : 'read',
    value: () => fieldValue(device.driver ?? '', device.settings ?? {}, String(tag.address ?? ''), String(tag.type)).text ?? '',
  }
}

export function diff(before: string, after: string): DiffResult {
  const parsed = parse(after)
  const ok = parsed.findings.every((finding) => finding.weight !== 'error')
  const changes: Change[] = []
  if (!ok) return { ok, findings: parsed.findings, changes, effects: [] }
  const old = flatten(before === '' ? {} : parseDocument(before).toJS())
  const fresh = flatten(parseDocument(after).toJS())
  for (const [path, value] of fresh) {
    const was = old.get(path)
    if (was === undefined) changes.push({ path, kind: 'added', after: value })
    else if (was !== value) changes.push({ path, kind: 'changed', before: was, after: value })
  }
  for (const [path, value] of old) if (!fresh.has(path)) changes.push({ path, kind: 'removed', before: value })
  const oldDevices = new Map(parse(before).devices.map((device) => [device.name, device]))
  const effects: Effect[] = []
  for (const device of parsed.devices) {
    const was = oldDevices.get(device.name)
    oldDevices.delete(device.name)
    if (was === undefined) effects.push({ device: device.name, kind: 'starts', groups: [...device.groups.keys()] })
    else if (was.text !== device.text) {
      const groups = [...device.groups].filter(([name, ms]) => was.groups.get(name) !== ms).map(([name]) => name)
      effects.push({ device: device.name, kind: was.link === device.link ? 'changes' : 'restarts', groups })
    }
  }
  for (const name of oldDevices.keys()) effects.push({ device: name, kind: 'stops', groups: [] })
  return { ok, findings: parsed.findings, changes, effects, templates: templateChanges(before, after) }
}

function templateChanges(before: string, after: string): TemplateChange[] {
  const named = (text: string): { templates: Map<string, string>; devices: PlainDevice[] } => {
    const plain = (text === '' ? {} : parseDocument(text).toJS()) as { templates?: { name: string }[]; devices?: PlainDevice[] } | null
    return { templates: new Map((plain?.templates ?? []).map((each) => [each.name, JSON.stringify(each)])), devices: plain?.devices ?? [] }
  }
  const [old, fresh] = [named(before), named(after)]
  return [...new Set([...old.templates.keys(), ...fresh.templates.keys()])].flatMap((name): TemplateChange[] => {
    const [was, is] = [old.templates.get(name), fresh.templates.get(name)]
    if (was === is) return []
    const devices = (is === undefined ? old : fresh).devices.filter((device) => device.template === name).map((device) => device.name ?? '')
    return [{ name, change: was === undefined ? 'added' : is === undefined ? 'removed' : 'changed', devices, touched: devices.map((device) => ({ name: device, changes: [], more: 0 })) }]
  })
}

function flatten(value: unknown, path = '', out = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => {
      const name = typeof item === 'object' && item !== null && 'name' in item ? String(item.name) : String(index)
      flatten(item, `${path}[${name}]`, out)
    })
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, out)
  } else out.set(path, String(value))
  return out
}
