/** A month that has been, by formula: any range of it is there at once, with outages, doubtful values and spikes. */
import type { Machine } from './plant'
import { bad, good, type DeviceState, type Stored, type TagState } from './stored'

export const keptMs = 30 * 86_400_000

const hourMs = 3_600_000

/** 0 to 1, the same for the same numbers. */
export function chance(seed: number, index: number): number {
  const x = Math.sin(index * 127.1 + seed * 311.7) * 43758.5453
  return x - Math.floor(x)
}

export function seedOf(text: string): number {
  let sum = 0
  for (const each of text) sum = (sum * 31 + each.charCodeAt(0)) % 9973
  return sum
}

/** Begins and ends, by the time before the device was made: two short failures, and others every few days. */
export function outages(device: DeviceState): [number, number][] {
  const { bornAt } = device
  const seed = seedOf(device.name)
  const found: [number, number][] = device.name === 'boiler-1' ? [[bornAt - 520_000, bornAt - 430_000], [bornAt - 9_000_000, bornAt - 8_400_000]] : []
  for (let day = 2; day < 30; day++) {
    if (chance(seed, day) > 0.35) continue
    const begin = bornAt - day * 24 * hourMs + chance(seed, day + 100) * 20 * hourMs
    found.push([begin, begin + (8 + 50 * chance(seed, day + 200)) * 60_000])
  }
  return found
}

/** The edge had no power: nothing was stored at all. */
export const powerless = (device: DeviceState): [number, number] => [device.bornAt - 215.7 * hourMs, device.bornAt - 215 * hourMs]

function silent(device: DeviceState, at: number): boolean {
  const [begin, end] = powerless(device)
  return at > begin && at < end
}

const spikeEveryMs = 26 * hourMs

/** One sample in each stretch of a day or so is far off; its place is known without looking for it. */
function spikeAt(tag: TagState, stretch: number, stepMs: number): number {
  const at = (stretch + 0.1 + 0.8 * chance(seedOf(tag.point.name), stretch)) * spikeEveryMs
  return Math.floor(at / stepMs) * stepMs
}

const stepOf = (tag: TagState) => Math.max(1_000, tag.intervalMs)

/** Every other day the instrument calibrates itself for a while. */
export const calibrates = (tag: TagState, at: number) => tag.point.type.startsWith('float') && (at / (31 * hourMs) + chance(seedOf(tag.point.name), 7)) % 1 < 0.02

export function pastAt(device: DeviceState, tag: TagState, at: number, failures = outages(device)): Stored | undefined {
  if (silent(device, at)) return undefined
  if (failures.some(([begin, end]) => at >= begin && at < end)) return bad(at, 0x800a0000)
  const back = device.bornAt - at
  const night = Math.cos((at / (24 * hourMs)) * 2 * Math.PI) > 0.5
  const pressure = 8 + (back > 2_700_000 ? -0.8 : 0) - (night ? 1.1 : 0) + 0.2 * Math.sin(at / 400_000) + 0.7 * (device.machine.index % 2)
  const machine: Machine = { ...device.machine, state: { ...device.machine.state, pressure, speed: (device.machine.state['speed_setpoint'] ?? 0) * (night ? 0.8 : 1) } }
  const stored = good(tag.point, machine, at)
  const kind = tag.point.type
  if (stored.text !== null && kind.startsWith('float') && tag.point.access === 'read' && at === spikeAt(tag, Math.floor(at / spikeEveryMs), stepOf(tag))) {
    return { ...stored, text: (Number(stored.text) * 1.7).toFixed(tag.point.digits ?? 2) }
  }
  const doubtful = calibrates(tag, at)
  return doubtful ? { ...stored, severity: 'uncertain', code: 0x40900000 } : stored
}

export function pastBetween(device: DeviceState, tag: TagState, from: number, to: number, most: number, read: Stored[]): { samples: Stored[]; thinned: boolean } {
  const stepMs = stepOf(tag)
  const first = Math.ceil(from / stepMs)
  const last = Math.floor(to / stepMs)
  const many = Math.max(0, last - first + 1)
  const failures = outages(device)
  const at = (index: number) => pastAt(device, tag, index * stepMs, failures)
  if (many + read.length <= most) {
    const all = Array.from({ length: many }, (_, index) => at(first + index)).filter((each) => each !== undefined)
    return { samples: [...all, ...read], thinned: false }
  }
  const buckets = Math.max(1, Math.floor(most / 4))
  const span = Math.max(1, read.at(-1)?.at ?? to) - Math.min(from, read[0]?.at ?? from)
  const width = Math.max(stepMs, span / buckets)
  const edges = failures.flatMap(([begin, end]) => [begin, begin + stepMs, end - stepMs, end, end + stepMs])
  const samples: Stored[] = []
  for (let begin = from; begin <= to; begin += width) {
    const end = Math.min(to, begin + width)
    const inside = new Set<number>()
    for (let part = 0; part < 8; part++) inside.add(Math.ceil((begin + ((end - begin) * part) / 8) / stepMs))
    for (let stretch = Math.floor(begin / spikeEveryMs); stretch <= Math.floor(end / spikeEveryMs); stretch++) inside.add(Math.round(spikeAt(tag, stretch, stepMs) / stepMs))
    for (const edge of edges) if (edge >= begin - stepMs && edge < end) inside.add(Math.floor(edge / stepMs))
    const here = [...inside].filter((index) => index * stepMs >= begin && index * stepMs < end).toSorted((a, b) => a - b)
    samples.push(...telling(here.map(at).filter((each) => each !== undefined)))
  }
  for (let begin = 0; begin < read.length; ) {
    let end = begin
    while (end < read.length && (read[end]?.at ?? 0) < (read[begin]?.at ?? 0) + width) end++
    samples.push(...telling(read.slice(begin, end)))
    begin = end
  }
  return { samples, thinned: true }
}

/** First, last, lowest, highest, and every change of quality. */
function telling(bucket: Stored[]): Stored[] {
  const numbers = bucket.filter((each) => each.text !== null)
  const value = (each: Stored) => (each.text === 'true' ? 1 : each.text === 'false' ? 0 : Number(each.text))
  const lowest = numbers.reduce<Stored | undefined>((low, each) => (low === undefined || value(each) < value(low) ? each : low), undefined)
  const highest = numbers.reduce<Stored | undefined>((high, each) => (high === undefined || value(each) > value(high) ? each : high), undefined)
  return bucket.filter(
    (each, index) => index === 0 || index === bucket.length - 1 || each === lowest || each === highest || each.severity !== bucket[index - 1]?.severity || (Number.isNaN(value(each)) && each.text !== bucket[index - 1]?.text),
  )
}
