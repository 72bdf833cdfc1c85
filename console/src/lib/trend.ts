/** What a trend shows, out of samples and an address: which tags, which time, series, readings, figures, CSV. */
import type { Sample, Severity } from '../api/types'
import { chartNumber } from './chart'

export const tagsMost = 12

export const spans = [
  ['15m', '15 min', 900_000],
  ['1h', '1 h', 3_600_000],
  ['8h', '8 h', 28_800_000],
  ['24h', '24 h', 86_400_000],
  ['7d', '7 d', 604_800_000],
  ['30d', '30 d', 2_592_000_000],
] as const

export interface TagName {
  device: string
  tag: string
}

export interface View {
  from: number
  to: number
}

/** `spanMs`: the right edge is now and moves on. */
export type Range = { live: true; key: string; spanMs: number } | ({ live: false } & View)

export const keyOf = ({ device, tag }: TagName) => `${device}/${tag}`

/** Names of devices hold no slash. */
export function tagOfKey(key: string): TagName | undefined {
  const at = key.indexOf('/')
  return at <= 0 || at === key.length - 1 ? undefined : { device: key.slice(0, at), tag: key.slice(at + 1) }
}

export function tagsOf(search: URLSearchParams): TagName[] {
  const keys = [...new Set(search.getAll('tag'))]
  return keys.map(tagOfKey).filter((each) => each !== undefined).slice(0, tagsMost)
}

/** `choices` hold one of an hour, which is taken unless the address says otherwise. */
export function rangeOf(search: URLSearchParams, choices: readonly (readonly [string, string, number])[] = spans): Range {
  const from = Date.parse(search.get('from') ?? '')
  const to = Date.parse(search.get('to') ?? '')
  if (Number.isFinite(from) && Number.isFinite(to) && to > from) return { live: false, from, to }
  const [key, , spanMs] = choices.find(([name]) => name === search.get('span')) ?? spans[1]
  return { live: true, key, spanMs }
}

export function withRange(search: URLSearchParams, range: Range): URLSearchParams {
  const next = new URLSearchParams(search)
  for (const key of ['span', 'from', 'to']) next.delete(key)
  if (range.live) next.set('span', range.key)
  else {
    next.set('from', new Date(range.from).toISOString())
    next.set('to', new Date(range.to).toISOString())
  }
  return next
}

export function withTags(search: URLSearchParams, tags: TagName[]): URLSearchParams {
  const next = new URLSearchParams(search)
  next.delete('tag')
  for (const each of tags) next.append('tag', keyOf(each))
  return next
}

const spanMinMs = 2_000
const spanMaxMs = 400 * 86_400_000

/** Nothing lies beyond now: a view that runs ahead is moved back. */
function within({ from, to }: View, now: number): View {
  const span = Math.min(spanMaxMs, Math.max(spanMinMs, to - from))
  const middle = (from + to) / 2
  const end = Math.min(middle + span / 2, now + span * 0.02)
  return { from: Math.round(end - span), to: Math.round(end) }
}

/** `factor` below 1 shows less time; what lies at `at` stays where it is. */
export function zoomed(view: View, factor: number, at: number, now: number): View {
  const span = view.to - view.from
  const next = Math.min(spanMaxMs, Math.max(spanMinMs, span * factor))
  const share = (at - view.from) / span
  return within({ from: at - share * next, to: at + (1 - share) * next }, now)
}

export function panned(view: View, byMs: number, now: number): View {
  return within({ from: view.from + byMs, to: view.to + byMs }, now)
}

export type Shape = 'line' | 'step' | 'bool' | 'state'

export function shapeOf(type: string): Shape {
  if (type === 'bool') return 'bool'
  if (type === 'text' || type === 'bytes') return 'state'
  return type.startsWith('float') ? 'line' : 'step'
}

export interface Series {
  shape: Shape
  samples: Sample[]
  times: Float64Array
  /** NaN where there is none to draw */
  values: Float64Array
}

/** `tail`: what came live after `samples` were asked for. */
export function seriesOf(samples: Sample[], tail: Sample[], type: string): Series {
  return extended(plainSeries(samples, type), tail)
}

export function plainSeries(samples: Sample[], type: string): Series {
  const times = Float64Array.from(samples, (sample) => Date.parse(sample.time))
  const values = Float64Array.from(samples, (sample) => (sample.quality === 'bad' ? Number.NaN : (chartNumber(sample.value) ?? Number.NaN)))
  return { shape: shapeOf(type), samples, times, values }
}

function joined(before: Float64Array, after: Float64Array): Float64Array {
  const all = new Float64Array(before.length + after.length)
  all.set(before)
  all.set(after, before.length)
  return all
}

/** What is known already is not read anew for what comes live. */
export function extended(series: Series, tail: Sample[]): Series {
  const last = series.times.at(-1) ?? -Infinity
  const fresh = tail.filter((each) => Date.parse(each.time) > last)
  if (fresh.length === 0) return series
  const more = plainSeries(fresh, 'float64')
  return { shape: series.shape, samples: [...series.samples, ...fresh], times: joined(series.times, more.times), values: joined(series.values, more.values) }
}

/** Index of the last sample not after a time; -1 before the first. */
export function indexAt(times: Float64Array, time: number): number {
  let low = -1
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((times[middle] ?? Infinity) <= time) low = middle
    else high = middle - 1
  }
  return low
}

export interface Figures {
  min: Sample | undefined
  max: Sample | undefined
  last: Sample | undefined
  count: number
  bad: number
  uncertain: number
}

/** Of the samples in a view. Thinning keeps lowest and highest, so they hold for every sample. */
export function figuresOf(series: Series, { from, to }: View): Figures {
  const figures: Figures = { min: undefined, max: undefined, last: undefined, count: 0, bad: 0, uncertain: 0 }
  let low = Infinity
  let high = -Infinity
  for (let index = indexAt(series.times, from - 1) + 1; index < series.times.length; index++) {
    if ((series.times[index] ?? 0) > to) break
    const sample = series.samples[index]
    if (sample === undefined) continue
    figures.count++
    if (sample.quality === 'bad') figures.bad++
    else figures.last = sample
    if (sample.quality === 'uncertain') figures.uncertain++
    const value = series.values[index] ?? Number.NaN
    if (series.shape === 'state' || Number.isNaN(value)) continue
    if (value < low) [low, figures.min] = [value, sample]
    if (value > high) [high, figures.max] = [value, sample]
  }
  return figures
}

/** Where the cursor goes with the arrow keys: the nearest sample of any tag to that side. */
export function nextTime(all: Series[], time: number, direction: 1 | -1, view: View): number {
  let best: number | undefined
  for (const { times } of all) {
    const at = indexAt(times, time)
    const candidate = direction === 1 ? times[at + 1] : times[at] === time ? times[at - 1] : times[at]
    if (candidate === undefined || candidate < view.from || candidate > view.to) continue
    if (best === undefined || (candidate - best) * direction < 0) best = candidate
  }
  return best ?? (direction === 1 ? view.to : view.from)
}

export interface Stretch {
  from: number
  to: number
  severity: Severity
  text: string | null
}

/** Samples alike in value and quality, as one stretch each; a stretch ends where the next begins. */
export function stretches(series: Series, { from, to }: View): Stretch[] {
  const found: Stretch[] = []
  for (let index = Math.max(0, indexAt(series.times, from)); index < series.samples.length; index++) {
    const sample = series.samples[index]
    const start = series.times[index] ?? 0
    if (sample === undefined || start > to) break
    const end = Math.min(to, series.times[index + 1] ?? to)
    const last = found.at(-1)
    if (last !== undefined && last.severity === sample.quality && last.text === sample.text) last.to = end
    else found.push({ from: Math.max(from, start), to: end, severity: sample.quality, text: sample.text })
  }
  return found
}

export interface Numbers {
  times: Float64Array
  values: Float64Array
  severities: Severity[]
}

/** Where many samples fall on one column of dots, its first, lowest, highest and last tell the same. */
export function thinnedTo(series: Series, first: number, last: number, columns: number, { from, to }: View): Numbers {
  const many = last - first + 1
  const pick: number[] = []
  if (many <= columns * 4) for (let index = first; index <= last; index++) pick.push(index)
  else {
    const width = (to - from) / columns
    for (let index = first; index <= last; ) {
      const column = Math.floor(((series.times[index] ?? 0) - from) / width)
      let [end, low, high] = [index, index, index]
      const kept = new Set([index])
      while (end + 1 <= last && Math.floor(((series.times[end + 1] ?? 0) - from) / width) === column) {
        end++
        const value = series.values[end] ?? Number.NaN
        if (Number.isNaN(value) || series.samples[end]?.quality !== series.samples[end - 1]?.quality) kept.add(end)
        if (!(value >= (series.values[low] ?? Number.NaN)) && !Number.isNaN(value)) low = end
        if (!(value <= (series.values[high] ?? Number.NaN)) && !Number.isNaN(value)) high = end
      }
      for (const each of [low, high, end]) kept.add(each)
      pick.push(...[...kept].toSorted((a, b) => a - b))
      index = end + 1
    }
  }
  return {
    times: Float64Array.from(pick, (index) => series.times[index] ?? 0),
    values: Float64Array.from(pick, (index) => series.values[index] ?? Number.NaN),
    severities: pick.map((index) => series.samples[index]?.quality ?? 'bad'),
  }
}

const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_419_200, 4_838_400]

export interface TimeMark {
  at: number
  text: string
  /** the day, where a new one begins */
  day: string | undefined
}

/** Round local times. `most` marks at most. */
export function timeMarks({ from, to }: View, most: number): TimeMark[] {
  const stepMs = 1_000 * (seconds.find((each) => (to - from) / 1_000 / each <= most) ?? 9_676_800)
  const zone = new Date(from).getTimezoneOffset() * 60_000
  const marks: TimeMark[] = []
  let lastDay = ''
  for (let at = Math.ceil((from - zone) / stepMs) * stepMs + zone; at <= to; at += stepMs) {
    const date = new Date(at)
    const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    const text = stepMs >= 86_400_000 ? day : date.toLocaleTimeString('en-GB', { hour12: false }).slice(0, stepMs < 60_000 ? 8 : 5)
    marks.push({ at, text, day: stepMs < 86_400_000 && day !== lastDay ? day : undefined })
    lastDay = day
  }
  return marks
}

const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

export interface Shown extends TagName {
  unit: string | undefined
  series: Series
}

/** One line a sample, oldest first, values as exact as the edge gives them. */
export function csvOf(shown: Shown[], view: View): string {
  const rows: { at: number; line: string }[] = []
  for (const { device, tag, unit, series } of shown) {
    for (const [index, sample] of series.samples.entries()) {
      const at = series.times[index] ?? 0
      if (at < view.from || at > view.to) continue
      rows.push({ at, line: [sample.time, device, tag, sample.text ?? '', unit ?? '', sample.quality, String(sample.code)].map(cell).join(',') })
    }
  }
  const lines = rows.toSorted((a, b) => a.at - b.at).map(({ line }) => line)
  return `time,device,tag,value,unit,quality,code\r\n${lines.map((line) => `${line}\r\n`).join('')}`
}
