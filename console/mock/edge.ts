/** The mock edge's world: devices, tags with history, sinks, commands; moved on by a timer. */
import type { AlarmCounts } from '../src/api/alarms'
import type { Command, Device, LiveTag, Problem, Sample, SinkStatus, Status, Tag, TagCounts } from '../src/api/types'
import type { ParsedDevice } from './config'
import { checkFormula, type Field } from './formula'
import { keptMs, pastBetween } from './past'
import { points, step, type Machine } from './plant'
import { bad, good, value, type DeviceState, type Stored, type TagState } from './stored'

export type Scenario = 'healthy' | 'faults' | 'empty' | 'large' | 'formulas'

const reasons: Record<number, [string, string]> = {
  0: ['Good', 'good'],
  0x40900000: ['UncertainLastUsableValue', 'the last value known; no fresh one'],
  0x800a0000: ['BadTimeout', 'the device does not answer'],
  0x80890000: ['BadNoData', 'there is no data'],
  0x803d0004: ['BadDeviceFailure', 'the device reports a failure (code 4)'],
}

export class MockEdge {
  readonly started = Date.now()
  devices: DeviceState[] = []
  commands: Command[] = []
  scenario: Scenario = 'healthy'
  version = 0
  sinkSince = Date.now() - 7_200_000
  /** of the sink `mes`; letters.ts knows */
  rejected = () => 0
  /** alarms.ts knows */
  alarmCounts = (): AlarmCounts => ({ total: 0, active: 0, unacknowledged: 0, shelved: 0, suppressed: 0, out_of_service: 0, highest: null, chattering: 0, flood: null })

  setScenario(scenario: Scenario) {
    this.scenario = scenario
    for (const device of this.devices) this.applyFault(device)
    this.sinkSince = scenario === 'faults' ? Date.now() - 372_000 : Date.now() - 7_200_000
  }

  /** Builds devices from a parsed configuration; unchanged ones keep what they are. */
  configure(wanted: ParsedDevice[]) {
    this.devices = wanted.map((each, index) => {
      const old = this.devices.find((device) => device.name === each.name)
      // A device whose tags stand in the document is made anew when the document changes.
      if (old !== undefined && old.written === (each.tags.length > 0 ? each.text : '')) {
        old.description = each.description
        for (const group of old.groups) group.intervalMs = each.groups.get(group.name) ?? group.intervalMs
        for (const tag of old.tags.values()) tag.intervalMs = each.groups.get(tag.point.group) ?? tag.intervalMs
        return old
      }
      return this.newDevice(each, index)
    })
    for (const device of this.devices) this.applyFault(device)
  }

  private newDevice(each: Parameters<MockEdge['configure']>[0][number], index: number): DeviceState {
    const now = Date.now()
    const machine: Machine = {
      index,
      state: { pressure: 8, pressure_setpoint: 8, burner_enable: 1, speed: 118 + index, speed_setpoint: 118 + index },
    }
    const device: DeviceState = {
      name: each.name,
      description: each.description,
      driver: each.driver,
      link: each.link,
      machine,
      state: 'online',
      since: now - 7_200_000 + index * 1000,
      reason: undefined,
      nextTryAt: 0,
      groups: [...each.groups].map(([name, intervalMs]) => ({ name, intervalMs, lastRead: 0, late: 0, missed: 0 })),
      tags: new Map(),
      requests: 14_400 + index * 3,
      errors: index === 1 ? 2 : 0,
      written: each.tags.length > 0 ? each.text : '',
      bornAt: now,
    }
    // What is computed is added to the tags of a device of the plant.
    const onlyFormulas = each.tags.every((point) => point.formula !== undefined)
    const own = each.driver === 'calculated' ? [] : onlyFormulas ? points[each.kind] : []
    for (const point of [...own, ...each.tags]) {
      const intervalMs = each.groups.get(point.group) ?? 1000
      const tag: TagState = { point, intervalMs, last: undefined, changedAt: now, qualitySince: now - 7_200_000, reason: 'good', history: [], version: 0 }
      device.tags.set(point.name, tag)
    }
    return device
  }

  private applyFault(device: DeviceState) {
    const now = Date.now()
    const faulty = this.scenario === 'faults' && device.name === 'packer-2'
    const connecting = this.scenario === 'faults' && device.name === 'never'
    const state = faulty ? 'offline' : connecting ? 'connecting' : 'online'
    if (device.state === state) return
    device.state = state
    device.since = faulty ? now - 754_000 : now
    device.reason = faulty ? 'connection refused by 127.0.0.1:5021' : undefined
    for (const tag of device.tags.values()) tag.qualitySince = device.since
  }

  /** One turn of the world. */
  tick(seconds: number) {
    const now = Date.now()
    for (const device of this.devices) {
      step(device.machine, seconds)
      if (device.state === 'offline' && now > device.nextTryAt) device.nextTryAt = now + 8_000
      for (const group of device.groups) {
        if (now - group.lastRead < group.intervalMs) continue
        if (device.state === 'offline') {
          if (group.lastRead === 0) group.lastRead = device.since
          for (const tag of device.tags.values()) if (tag.point.group === group.name && tag.last?.severity !== 'bad') this.put(tag, bad(device.since, 0x800a0000))
          continue
        }
        group.lastRead = now
        device.requests++
        for (const tag of device.tags.values()) if (tag.point.group === group.name) this.read(device, tag, now)
      }
    }
  }

  read(device: DeviceState, tag: TagState, now: number) {
    if (tag.point.formula !== undefined) {
      this.compute(device, tag, tag.point.formula, now)
      return
    }
    const analyser = (this.scenario === 'faults' || this.scenario === 'formulas') && device.name === 'boiler-2' && tag.point.name === 'flue_gas_oxygen'
    const probe = this.scenario === 'faults' && device.name === 'boiler-2' && tag.point.name === 'flue_gas_temperature'
    if (analyser) this.put(tag, bad(now, 0x803d0004))
    else if (probe) this.put(tag, { ...good(tag.point, device.machine, now), severity: 'uncertain', code: 0x40900000 })
    else this.put(tag, good(tag.point, device.machine, now))
  }

  private compute(device: DeviceState, tag: TagState, formula: string, now: number) {
    const { findings, text, quality, reason } = checkFormula({ device: device.name, formula, type: tag.point.type }, this.field)
    const why = findings[0]?.problem ?? reason ?? undefined
    this.put(tag, why === undefined ? { at: now, text, severity: quality?.severity ?? 'good', code: quality?.code ?? 0 } : { ...bad(now, 0x80890000), reason: why })
  }

  /** What formulas see of the plant. */
  readonly field: Field = {
    devices: () => this.devices.map((device) => device.name),
    tags: (name) => [...(this.devices.find((device) => device.name === name)?.tags.keys() ?? [])],
    seen: (name, tagName) => {
      const device = this.devices.find((each) => each.name === name)
      const tag = device?.tags.get(tagName)
      if (device === undefined || tag === undefined) return undefined
      const { value: now, text, type, unit, quality } = this.tag(device, tag)
      return { value: typeof now === 'number' || typeof now === 'boolean' || typeof now === 'string' ? now : null, text, type, unit, quality }
    },
  }

  private put(tag: TagState, stored: Stored) {
    if (tag.last?.text !== stored.text) tag.changedAt = stored.at
    if (tag.last?.severity !== stored.severity) tag.qualitySince = stored.at
    tag.last = stored
    tag.version = ++this.version
    tag.history.push(stored)
    if (tag.history.length > 12_000) tag.history.splice(0, 2_000)
  }

  tag(device: DeviceState, tag: TagState): Tag {
    const { point, last } = tag
    const now = Date.now()
    const [name, reason] = reasons[last?.code ?? 0] ?? ['Bad', 'bad']
    const ageMs = last === undefined ? null : now - last.at
    return {
      device: device.name,
      group: point.group,
      name: point.name,
      address: point.address,
      formula: point.formula,
      reason: last?.reason,
      type: point.type,
      unit: point.unit,
      description: point.description,
      access: point.access,
      range: point.range,
      interval_ms: tag.intervalMs,
      value: value(point, last?.text ?? null),
      text: last?.text ?? null,
      quality: { severity: last?.severity ?? 'bad', code: last?.code ?? 0x80320000, name, reason },
      time: last === undefined ? null : new Date(last.at).toISOString(),
      age_ms: ageMs,
      changed_at: last === undefined ? null : new Date(tag.changedAt).toISOString(),
      quality_since: new Date(tag.qualitySince).toISOString(),
      stale: ageMs !== null && last?.severity !== 'bad' && ageMs > Math.max(2_000, 3 * tag.intervalMs),
    }
  }

  live(device: DeviceState, tag: TagState): LiveTag {
    const whole = this.tag(device, tag)
    return {
      device: whole.device,
      name: whole.name,
      value: whole.value,
      text: whole.text,
      quality: whole.quality.severity,
      code: whole.quality.code,
      reason: whole.quality.severity === 'good' ? undefined : (whole.reason ?? whole.quality.reason),
      time: whole.time,
      age_ms: whole.age_ms,
    }
  }

  /** Before its device was made, a tag's history is a formula; after, it is what was read. */
  samples(device: DeviceState, tag: TagState, from: number, to: number, most: number) {
    const since = device.written === '' ? device.bornAt - keptMs : device.bornAt
    const read = tag.history.filter((each) => each.at >= from && each.at <= to)
    const { samples, thinned } = pastBetween(device, tag, Math.max(from, since), Math.min(to, device.bornAt - 1), most, read)
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      thinned,
      rolled_up_to: null,
      complete_from: new Date(since).toISOString(),
      samples: samples.map(
        (each): Sample => ({ time: new Date(each.at).toISOString(), value: value(tag.point, each.text), text: each.text, quality: each.severity, code: each.code }),
      ),
    }
  }

  counts(device: DeviceState): TagCounts {
    const counts = { total: device.tags.size, good: 0, uncertain: 0, bad: 0, stale: 0 }
    for (const tag of device.tags.values()) {
      counts[tag.last?.severity ?? 'bad']++
      if (this.tag(device, tag).stale) counts.stale++
    }
    return counts
  }

  device(device: DeviceState): Device {
    const online = device.state === 'online'
    return {
      name: device.name,
      description: device.description === '' ? undefined : device.description,
      driver: device.driver,
      link: device.link,
      enabled: true,
      state: device.state,
      since: new Date(device.since).toISOString(),
      reason: device.reason,
      next_try_ms: online ? undefined : Math.max(0, device.nextTryAt - Date.now()),
      tags: this.counts(device),
      groups: device.groups.map((group) => ({
        name: group.name,
        interval_ms: group.intervalMs,
        tags: [...device.tags.values()].filter((tag) => tag.point.group === group.name).length,
        last_read: group.lastRead === 0 ? undefined : new Date(group.lastRead).toISOString(),
        duration_ms: online ? 3.4 : undefined,
        late: group.late,
        missed: online ? group.missed : 754,
        watched: device.driver === 'opcua' && group.name !== 'archive',
        polled_because: device.driver === 'opcua' && group.name === 'archive' ? 'the server allows no more monitored items' : undefined,
      })),
      load: online ? { requests_per_second: device.groups.reduce((sum, group) => sum + 1000 / group.intervalMs, 0), link_share: 0.0031 * device.groups.reduce((sum, group) => sum + 1000 / group.intervalMs, 0), link: device.link, link_devices: this.devices.filter((each) => each.link === device.link).length } : undefined,
      counters: {
        requests: device.requests,
        errors: device.errors + (online ? 0 : 96),
        retries: device.errors,
        timeouts: device.errors,
        exceptions: 0,
        reconnects: online ? 0 : 95,
        writes: this.commands.filter((command) => command.device === device.name).length,
        late_polls: 0,
        missed_polls: online ? 0 : 754,
        late_answers: 0,
        bytes_in: device.requests * 61,
        bytes_out: device.requests * 12,
        panics: 0,
        rtt_ms: online ? { min: 0.8, mean: 3.1, p99: 7.4, max: 41 } : null,
      },
    }
  }

  sinks(): SinkStatus[] {
    const now = Date.now()
    const down = this.scenario === 'faults'
    const since = new Date(this.sinkSince).toISOString()
    if (this.scenario === 'empty') return []
    return [
      {
        name: 'cloud',
        kind: 'mqtt',
        enabled: true,
        state: down ? 'retrying' : 'connected',
        since,
        reason: down ? 'broker.example.com:8883: connection timed out after 10 s' : undefined,
        next_try_ms: down ? 22_000 - ((now - this.sinkSince) % 22_000) : undefined,
        backlog_samples: down ? Math.floor((now - this.sinkSince) / 22) : 12,
        delivered_samples: 1_304_113,
        delivered_messages: 26_408,
        rejected_messages: 0,
        dropped_samples: 0,
        in_flight: down ? 0 : 1,
        last_delivered_at: new Date(down ? this.sinkSince : now - 400).toISOString(),
        oldest_waiting: down ? since : undefined,
      },
      {
        name: 'mes',
        kind: 'http',
        enabled: true,
        state: 'connected',
        since: new Date(this.started - 7_100_000).toISOString(),
        backlog_samples: 40,
        delivered_samples: 1_298_440,
        delivered_messages: 13_102,
        rejected_messages: this.rejected(),
        dropped_samples: 0,
        in_flight: 1,
        last_delivered_at: new Date(now - 1_200).toISOString(),
      },
    ]
  }

  problems(): Problem[] {
    const problems: Problem[] = []
    for (const device of this.devices) {
      if (device.state === 'offline') {
        problems.push({
          kind: 'device',
          severity: 'error',
          subject: device.name,
          since: new Date(device.since).toISOString(),
          cause: `Cannot connect to ${device.link}: ${device.reason}`,
          doing: `keeps trying; next try in ${Math.ceil(Math.max(0, device.nextTryAt - Date.now()) / 1000)} s`,
          remedy: 'Check that the machine is switched on and its network cable is plugged in.',
          tags: device.tags.size,
        })
      } else {
        const wrong = [...device.tags.values()].filter((tag) => tag.last !== undefined && tag.last.severity !== 'good')
        const first = wrong[0]
        if (first !== undefined) {
          problems.push({
            kind: 'tags',
            severity: 'warning',
            subject: device.name,
            since: new Date(first.qualitySince).toISOString(),
            cause: `${wrong.map((tag) => tag.point.name).join(', ')}: ${reasons[first.last?.code ?? 0]?.[1] ?? 'bad'}`,
            doing: 'reads again at the next interval; the other tags of the group are not held up',
            remedy: 'Look at the instrument: the controller says that it has failed.',
            tags: wrong.length,
          })
        }
      }
    }
    for (const sink of this.sinks()) {
      if (sink.state === 'connected') continue
      problems.push({
        kind: 'sink',
        severity: 'warning',
        subject: sink.name,
        since: sink.since,
        cause: sink.reason ?? '',
        doing: `keeps everything in the journal; next try in ${Math.ceil((sink.next_try_ms ?? 0) / 1000)} s`,
        remedy: 'Check the uplink of the plant. There is room for 11 days; nothing is lost until then.',
      })
    }
    return problems.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'))
  }

  status(config: Status['config']): Status {
    const now = Date.now()
    const all = this.devices.map((device) => this.counts(device))
    const sum = (key: keyof TagCounts) => all.reduce((total, each) => total + each[key], 0)
    const online = this.devices.filter((device) => device.state === 'online').length
    return {
      edge: 'plant-north-1',
      description: 'Boiler house and packaging, hall 2',
      version: '0.1.0',
      started_at: new Date(this.started - 7_260_000).toISOString(),
      now: new Date(now).toISOString(),
      uptime_ms: now - this.started + 7_260_000,
      clock: { synchronised: true },
      config,
      devices: { total: this.devices.length, online, offline: this.devices.length - online, disabled: 0 },
      tags: { total: sum('total'), good: sum('good'), uncertain: sum('uncertain'), bad: sum('bad'), stale: sum('stale') },
      problems: this.problems(),
      journal: {
        epoch: 7,
        streams: [
          { name: 'samples', oldest: 0, end: 1_400_000, committed: 1_400_000, bytes: 61_300_000, bytes_max: 2_000_000_000, segments: 4 },
          { name: 'record', oldest: 0, end: 812, committed: 812, bytes: 210_000, bytes_max: 100_000_000, segments: 1 },
        ],
        errors: 0,
      },
      memory: { anonymous_bytes: 21_400_000, total_bytes: 38_900_000 },
      cpu_seconds: 41,
      sinks: this.sinks(),
      alarms: this.alarmCounts(),
    }
  }
}
