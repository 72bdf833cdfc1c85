/** Draws the columns of the ledger on a canvas: what became of the samples of each interval, and of those for a sink. */
import type { Ledger } from '../api/ledger'
import { endsOf, parts, sinkParts, type Look } from './ledger'
import { ticks } from './numbers'
import type { View } from './trend'
import { drawScale, drawTimeAxis, hatch, sheetOn, title, type Colours, type Sheet } from './trendDraw'
import type { Layout, Panel } from './trendLayout'

/** From the bottom up. */
interface Piece {
  look: Look
  samples: number
}

const leastDots = 3
const quiet: ReadonlySet<Look> = new Set(['well', 'calm'])

/** Heights of the pieces of a column. What is not well can always be seen, however little it is. */
export function heights(pieces: Piece[], dotsPerSample: number): number[] {
  const plain = pieces.map(({ samples }) => samples * dotsPerSample)
  const raised = pieces.map(({ look, samples }, index) => (samples > 0 && !quiet.has(look) ? Math.max(leastDots, plain[index] ?? 0) : (plain[index] ?? 0)))
  const isQuiet = (index: number) => quiet.has(pieces[index]?.look ?? 'well')
  const sumOf = (list: number[], calm: boolean) => list.reduce((sum, each, index) => sum + (isQuiet(index) === calm ? each : 0), 0)
  const calm = sumOf(plain, true)
  const room = Math.max(0, calm + sumOf(plain, false) - sumOf(raised, false))
  return raised.map((each, index) => (isQuiet(index) && calm > 0 ? (each * room) / calm : each))
}

export function ledgerLayout(width: number, titles: string[]): Layout {
  const narrow = width < 520
  let y = 0
  const panels = titles.map((unit, index): Panel => {
    const top = y + 22
    const tall = index === 0 ? (narrow ? 170 : 220) : narrow ? 80 : 96
    y = top + tall + 12
    return { unit, lines: [], top, bottom: top + tall }
  })
  const bottom = y - 12
  return { left: narrow ? 46 : 58, right: Math.max(120, width - (narrow ? 12 : 26)), panels, lanes: [], bottom, height: bottom + 40 }
}

export function drawLedger(canvas: HTMLCanvasElement, width: number, layout: Layout, view: View, ledger: Ledger, sink: string | undefined, colours: Colours) {
  const sheet = sheetOn(canvas, width, layout, view, colours)
  if (sheet === undefined) return
  drawTimeAxis(sheet)
  const { intervals } = ledger
  const columns = [
    intervals.map((each) => parts.map(([key, , look]): Piece => ({ look, samples: each[key] }))),
    intervals.map((each) => {
      const sent = each.sinks.find((one) => one.sink === sink)
      return sinkParts.map(([key, , look]): Piece => ({ look, samples: sent?.[key] ?? 0 }))
    }),
  ]
  const ends = endsOf(ledger)
  const times = intervals.map((each, index): [number, number] => [Date.parse(each.time), ends[index] ?? 0])
  for (const [index, panel] of layout.panels.entries()) drawColumns(sheet, panel, times, columns[index] ?? [])
}

const total = (pieces: Piece[]) => pieces.reduce((sum, each) => sum + each.samples, 0)

/** `12k` from ten thousand on: the axis has room for four signs. */
export function axisCount(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toFixed(1))}M`
  return value >= 1e4 ? `${Number((value / 1e3).toFixed(1))}k` : String(value)
}

function drawColumns(sheet: Sheet, panel: Panel, times: [number, number][], columns: Piece[][]) {
  const most = Math.max(1, ...columns.map(total)) * 1.04
  const tall = panel.bottom - panel.top
  const marks = ticks(0, most, Math.max(2, Math.floor(tall / 44))).filter((each) => Number.isInteger(each))
  drawScale(sheet, marks, (value) => panel.bottom - (value / most) * tall, axisCount)
  title(sheet, panel.unit, panel.top)
  for (const [index, pieces] of columns.entries()) {
    const [begins, ends] = times[index] ?? [0, 0]
    const left = Math.max(sheet.layout.left, sheet.x(begins))
    const right = Math.min(sheet.layout.right, sheet.x(ends))
    const gap = right - left > 5 ? 1 : 0
    let y = panel.bottom
    for (const [at, high] of heights(pieces, tall / most).entries()) {
      if (high <= 0) continue
      y -= high
      drawPiece(sheet, pieces[at]?.look ?? 'well', left, y, Math.max(1, right - left - gap), high)
    }
  }
}

function drawPiece({ context, colours }: Sheet, look: Look, left: number, top: number, width: number, height: number) {
  if (look === 'gone') return hatch(context, left, top, width, height, colours.bad)
  const fills: Record<Exclude<Look, 'gone'>, [string, number]> = { well: [colours.traces[0] ?? colours.ink, 0.5], calm: [colours.faint, 0.35], warn: [colours.warn, 0.9], bad: [colours.bad, 0.9] }
  const [fill, alpha] = fills[look]
  context.globalAlpha = alpha
  context.fillStyle = fill
  context.fillRect(left, top, width, height)
  context.globalAlpha = 1
}
