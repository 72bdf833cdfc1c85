/** From samples to what a chart draws: lines that break where there is nothing to draw, and bands of quality. */
import type { Sample, Severity } from '../api/types'

export interface Point {
  time: number
  value: number
  sample: Sample
}

export interface Band {
  from: number
  to: number
  severity: Severity
}

/** No sample was stored for a while: the value did not change (enough), or the edge did not run. */
export interface Hold {
  from: number
  to: number
  value: number
}

export interface Drawing {
  lines: Point[][]
  bands: Band[]
  holds: Hold[]
  low: number
  high: number
}

export function chartNumber(value: unknown): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'boolean') return value ? 1 : 0
  return undefined
}

/** `quietMs`: a longer silence is drawn as a hold, not as a slope that nobody measured. */
export function drawing(samples: Sample[], quietMs: number, to: number): Drawing {
  const lines: Point[][] = []
  const bands: Band[] = []
  const holds: Hold[] = []
  let line: Point[] = []
  let low = Infinity
  let high = -Infinity
  const endLine = () => {
    if (line.length > 0) lines.push(line)
    line = []
  }
  for (const [index, sample] of samples.entries()) {
    const time = Date.parse(sample.time)
    const following = samples[index + 1]
    const next = following === undefined ? to : Date.parse(following.time)
    const value = sample.quality === 'bad' ? undefined : chartNumber(sample.value)
    if (value === undefined) endLine()
    else {
      line.push({ time, value, sample })
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
    if (sample.quality !== 'good') extend(bands, { from: time, to: next, severity: sample.quality })
    if (value !== undefined && next - time > quietMs) {
      endLine()
      holds.push({ from: time, to: next, value })
    }
  }
  endLine()
  return { lines, bands, holds, low, high }
}

function extend(bands: Band[], band: Band) {
  const last = bands.at(-1)
  if (last !== undefined && last.severity === band.severity && band.from <= last.to) last.to = band.to
  else bands.push(band)
}

/** The value axis: some air above and below, and never a flat line on the edge. */
export function valueBounds(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1]
  if (low === high) {
    const air = Math.abs(low) > 0 ? Math.abs(low) * 0.1 : 1
    return [low - air, high + air]
  }
  const air = (high - low) * 0.08
  return [low - air, high + air]
}

/** Index of the sample that holds at a time: the last one not after it. */
export function sampleAt(samples: Sample[], time: number): number {
  let low = 0
  let high = samples.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const sample = samples[middle]
    if (sample !== undefined && Date.parse(sample.time) <= time) low = middle
    else high = middle - 1
  }
  return low
}

const steps = [60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000]

/** Round local times for the time axis. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const step = steps.find((each) => (to - from) / each <= most) ?? 7_200_000
  const zone = new Date(from).getTimezoneOffset() * 60_000
  const marks: number[] = []
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) marks.push(at)
  return marks
}
