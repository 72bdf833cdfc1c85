/** How a trend is laid out: a panel with a scale for each unit, a lane for each tag that has states, one time axis. */
import { valueBounds } from './chart'
import { indexAt, type Series, type View } from './trend'

export interface Line {
  /** stands at its end and in the table: colour never stands alone */
  number: number
  name: string
  unit: string
  series: Series
  /** a longer silence is drawn as a held value */
  quietMs: number
}

export interface Panel {
  unit: string
  lines: Line[]
  top: number
  bottom: number
}

export interface Lane {
  line: Line
  top: number
  bottom: number
}

export interface Layout {
  left: number
  right: number
  panels: Panel[]
  lanes: Lane[]
  /** where the plot ends and the time axis begins */
  bottom: number
  height: number
}

const titleHeight = 20
const laneHeight = 24
const gap = 10
const axisHeight = 40

export function layoutOf(lines: Line[], width: number): Layout {
  const scaled = lines.filter(({ series }) => series.shape === 'line' || series.shape === 'step')
  const units = [...new Set(scaled.map(({ unit }) => unit))]
  const narrow = width < 520
  const tall = units.length <= 1 ? (narrow ? 240 : 340) : units.length === 2 ? (narrow ? 170 : 210) : narrow ? 130 : 150
  let y = 0
  const panels = units.map((unit): Panel => {
    const top = y + titleHeight
    y = top + tall + gap
    return { unit, lines: scaled.filter((line) => line.unit === unit), top, bottom: top + tall }
  })
  const lanes = lines
    .filter(({ series }) => series.shape === 'bool' || series.shape === 'state')
    .map((line): Lane => {
      const top = y + titleHeight
      y = top + laneHeight + gap
      return { line, top, bottom: top + laneHeight }
    })
  const bottom = Math.max(60, y - gap)
  return { left: narrow ? 46 : 58, right: Math.max(120, width - (narrow ? 20 : 26)), panels, lanes, bottom, height: bottom + axisHeight }
}

/** Lowest and highest of what a panel shows, the value that holds at its left edge included. */
export function boundsOf(lines: Line[], { from, to }: View): [number, number] {
  let low = Infinity
  let high = -Infinity
  for (const { series } of lines) {
    for (let index = Math.max(0, indexAt(series.times, from)); index < series.times.length; index++) {
      if ((series.times[index] ?? 0) > to) break
      const value = series.values[index] ?? Number.NaN
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  return valueBounds(low, high)
}
