/** Draws a trend on a canvas. Knows nothing of pages; colours come from the style of the canvas. */
import { axisNumber, ticks } from './numbers'
import { indexAt, stretches, thinnedTo, timeMarks, type Numbers, type View } from './trend'
import { boundsOf, type Lane, type Layout, type Line, type Panel } from './trendLayout'

export interface Colours {
  panel: string
  line: string
  ink: string
  faint: string
  bad: string
  warn: string
  traces: string[]
}

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element)
  const get = (name: string) => style.getPropertyValue(name).trim()
  return {
    panel: get('--panel'),
    line: get('--line'),
    ink: get('--ink'),
    faint: get('--ink-3'),
    bad: get('--bad'),
    warn: get('--warn'),
    traces: Array.from({ length: 12 }, (_, index) => get(`--trace-${index + 1}`)),
  }
}

export interface Sheet {
  context: CanvasRenderingContext2D
  layout: Layout
  view: View
  colours: Colours
  x: (time: number) => number
}

/** A canvas wiped and scaled to its screen. */
export function sheetOn(canvas: HTMLCanvasElement, width: number, layout: Layout, view: View, colours: Colours): Sheet | undefined {
  const context = canvas.getContext('2d')
  if (context === null) return undefined
  const dots = window.devicePixelRatio
  canvas.width = Math.round(width * dots)
  canvas.height = Math.round(layout.height * dots)
  context.setTransform(dots, 0, 0, dots, 0, 0)
  context.clearRect(0, 0, width, layout.height)
  context.font = `12px ${getComputedStyle(canvas).fontFamily}`
  const scale = (layout.right - layout.left) / (view.to - view.from)
  return { context, layout, view, colours, x: (time) => layout.left + (time - view.from) * scale }
}

export function drawTrend(canvas: HTMLCanvasElement, width: number, layout: Layout, view: View, colours: Colours) {
  const sheet = sheetOn(canvas, width, layout, view, colours)
  if (sheet === undefined) return
  drawTimeAxis(sheet)
  for (const panel of layout.panels) drawPanel(sheet, panel)
  for (const lane of layout.lanes) drawLane(sheet, lane)
}

const colourOf = (colours: Colours, line: Line) => colours.traces[(line.number - 1) % 12] ?? colours.ink

export function drawTimeAxis({ context, layout, view, colours, x }: Sheet) {
  context.fillStyle = colours.faint
  context.strokeStyle = colours.line
  context.lineWidth = 1
  context.textAlign = 'center'
  context.textBaseline = 'alphabetic'
  let free = -Infinity
  for (const mark of timeMarks(view, (layout.right - layout.left) / 78)) {
    const at = Math.round(x(mark.at)) + 0.5
    context.beginPath()
    for (const { top, bottom } of [...layout.panels, ...layout.lanes]) {
      context.moveTo(at, top)
      context.lineTo(at, bottom)
    }
    context.stroke()
    const half = context.measureText(mark.text).width / 2
    const middle = Math.min(layout.right + 14 - half, Math.max(half, at))
    context.fillText(mark.text, middle, layout.bottom + 18)
    if (mark.day !== undefined && middle - half > free) {
      context.fillStyle = colours.ink
      context.fillText(mark.day, middle, layout.bottom + 34)
      context.fillStyle = colours.faint
      free = middle + context.measureText(mark.day).width
    }
  }
}

function inside({ context, layout }: Sheet, top: number, bottom: number, draw: () => void) {
  context.save()
  context.beginPath()
  context.rect(layout.left, top - 1, layout.right - layout.left, bottom - top + 2)
  context.clip()
  draw()
  context.restore()
}

export function drawScale({ context, layout, colours }: Sheet, marks: number[], y: (value: number) => number, text: (value: number) => string) {
  context.textBaseline = 'middle'
  context.textAlign = 'right'
  context.lineWidth = 1
  for (const mark of marks) {
    const at = Math.round(y(mark)) + 0.5
    context.strokeStyle = colours.line
    context.beginPath()
    context.moveTo(layout.left, at)
    context.lineTo(layout.right, at)
    context.stroke()
    context.fillStyle = colours.faint
    context.fillText(text(mark), layout.left - 6, at)
  }
}

function drawPanel(sheet: Sheet, panel: Panel) {
  const { layout, view } = sheet
  const [low, high] = boundsOf(panel.lines, view)
  const y = (value: number) => panel.bottom - ((value - low) / (high - low)) * (panel.bottom - panel.top)
  const marks = ticks(low, high, Math.max(2, Math.floor((panel.bottom - panel.top) / 44)))
  const step = marks.length > 1 ? Math.abs((marks[1] ?? 0) - (marks[0] ?? 0)) : high - low
  drawScale(sheet, marks, y, (mark) => axisNumber(mark, step))
  title(sheet, panel.unit === '' ? 'no unit' : panel.unit, panel.top)
  for (const [index, line] of panel.lines.entries()) {
    const first = Math.max(0, indexAt(line.series.times, view.from))
    const last = Math.min(line.series.times.length - 1, indexAt(line.series.times, view.to) + 1)
    if (last < first) continue
    const numbers = thinnedTo(line.series, first, last, Math.ceil(layout.right - layout.left), view)
    inside(sheet, panel.top, panel.bottom, () => drawLine(sheet, line, numbers, y))
    inside(sheet, panel.top, panel.bottom, () => drawGaps(sheet, line, y, panel.bottom - 7 * (index + 1)))
  }
  drawNumbers(sheet, panel, y)
}

export function title({ context, layout, colours }: Sheet, text: string, top: number) {
  context.textAlign = 'left'
  context.textBaseline = 'alphabetic'
  context.fillStyle = colours.ink
  context.font = context.font.replace(/^(600 )?/, '600 ')
  context.fillText(text, layout.left, top - 7, layout.right - layout.left)
  context.font = context.font.replace(/^600 /, '')
}

/** Good values as a full line, uncertain ones dashed, nothing where they are bad, dots where none was stored. */
function drawLine(sheet: Sheet, line: Line, { times, values, severities }: Numbers, y: (value: number) => number) {
  const { context, view, colours, x } = sheet
  const stepped = line.series.shape !== 'line'
  const paths = { good: new Path2D(), uncertain: new Path2D(), hold: new Path2D() }
  const dots = times.length < 120
  context.strokeStyle = colourOf(colours, line)
  context.fillStyle = context.strokeStyle
  for (let index = 0; index < times.length; index++) {
    const [time, value] = [times[index] ?? 0, values[index] ?? Number.NaN]
    if (Number.isNaN(value)) continue
    const [px, py] = [x(time), y(value)]
    const [nextTime, next] = [times[index + 1] ?? view.to, values[index + 1] ?? Number.NaN]
    const quiet = nextTime - time > line.quietMs || index === times.length - 1
    const path = quiet ? paths.hold : severities[index] === 'uncertain' ? paths.uncertain : paths.good
    path.moveTo(px, py)
    if (quiet) path.lineTo(x(nextTime), py)
    else if (Number.isNaN(next)) path.lineTo(stepped ? x(nextTime) : px + 1.5, py)
    else {
      if (stepped) path.lineTo(x(nextTime), py)
      path.lineTo(x(nextTime), y(next))
    }
    if (dots || (Number.isNaN(next) && Number.isNaN(values[index - 1] ?? Number.NaN))) context.fillRect(px - 2, py - 2, 4, 4)
  }
  context.lineJoin = 'round'
  context.lineWidth = 1.7
  context.stroke(paths.good)
  context.setLineDash([5, 4])
  context.stroke(paths.uncertain)
  context.setLineDash([1.5, 4])
  context.stroke(paths.hold)
  context.setLineDash([])
}

/** Bad: a cross where the line ends, and a hatched strip for as long as it lasts. */
function drawGaps({ context, view, colours, x }: Sheet, line: Line, y: (value: number) => number, top: number) {
  for (const each of stretches(line.series, view)) {
    if (each.severity !== 'bad') continue
    const [left, right] = [x(each.from), Math.max(x(each.from) + 2, x(each.to))]
    hatch(context, left, top, right - left, 5, colours.bad)
    const before = line.series.values[indexAt(line.series.times, each.from - 1)] ?? Number.NaN
    if (Number.isNaN(before)) continue
    context.strokeStyle = colours.bad
    context.lineWidth = 2
    context.beginPath()
    context.moveTo(left - 4, y(before) - 4)
    context.lineTo(left + 4, y(before) + 4)
    context.moveTo(left - 4, y(before) + 4)
    context.lineTo(left + 4, y(before) - 4)
    context.stroke()
  }
}

export function hatch(context: CanvasRenderingContext2D, left: number, top: number, width: number, height: number, colour: string) {
  context.save()
  context.beginPath()
  context.rect(left, top, width, height)
  context.clip()
  context.fillStyle = colour
  context.globalAlpha = 0.18
  context.fillRect(left, top, width, height)
  context.globalAlpha = 0.8
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.beginPath()
  // From a fixed raster, so that the pattern does not jump while the view moves.
  for (let at = Math.floor((left - height) / 6) * 6; at < left + width; at += 6) {
    context.moveTo(at, top + height)
    context.lineTo(at + height, top)
  }
  context.stroke()
  context.restore()
}

/** The number of each line at its right end, moved apart where they would lie on each other. */
function drawNumbers({ context, layout, view, colours }: Sheet, panel: Panel, y: (value: number) => number) {
  const ends = panel.lines
    .map((line) => {
      let index = indexAt(line.series.times, view.to)
      while (index >= 0 && Number.isNaN(line.series.values[index] ?? Number.NaN)) index--
      return { line, at: index < 0 ? panel.bottom - 8 : Math.min(panel.bottom - 8, Math.max(panel.top + 8, y(line.series.values[index] ?? 0))) }
    })
    .toSorted((a, b) => a.at - b.at)
  let free = panel.top
  context.textAlign = 'left'
  context.textBaseline = 'middle'
  for (const { line, at } of ends) {
    const place = Math.max(free + 7, at)
    free = place + 7
    context.fillStyle = colourOf(colours, line)
    context.fillText(String(line.number), layout.right + 5, place)
  }
}

function drawLane(sheet: Sheet, { line, top, bottom }: Lane) {
  const { context, view, colours, layout, x } = sheet
  title(sheet, `${line.number}  ${line.name}`, top)
  context.strokeStyle = colours.line
  context.strokeRect(layout.left + 0.5, top + 0.5, layout.right - layout.left - 1, bottom - top - 1)
  const texts = [...new Set(line.series.samples.map((sample) => sample.text ?? ''))].toSorted()
  inside(sheet, top, bottom, () => {
    for (const each of stretches(line.series, view)) {
      const [left, right] = [x(each.from), x(each.to)]
      const width = Math.max(1, right - left)
      if (each.severity === 'bad') {
        hatch(context, left, top, width, bottom - top, colours.bad)
        continue
      }
      const bool = line.series.shape === 'bool'
      const low = bool && each.text !== 'true'
      context.globalAlpha = low ? 0.12 : bool ? 0.5 : 0.16 + 0.34 * (texts.indexOf(each.text ?? '') / Math.max(1, texts.length - 1))
      context.fillStyle = colourOf(colours, line)
      if (low) context.fillRect(left, bottom - 4, width, 4)
      else context.fillRect(left, top, width, bottom - top)
      context.globalAlpha = 1
      if (each.severity === 'uncertain') hatch(context, left, bottom - 6, width, 6, colours.warn)
      if (width > 34) laneText(context, each.text ?? '', left, right, top, bottom, colours, layout)
      if (!bool && width > 3) {
        context.fillStyle = colourOf(colours, line)
        context.fillRect(left, top, 1, bottom - top)
      }
    }
  })
}

function laneText(context: CanvasRenderingContext2D, text: string, left: number, right: number, top: number, bottom: number, colours: Colours, layout: Layout) {
  const [from, to] = [Math.max(layout.left, left) + 5, Math.min(layout.right, right) - 3]
  if (to - from < 24) return
  context.save()
  context.beginPath()
  context.rect(from, top, to - from, bottom - top)
  context.clip()
  context.fillStyle = colours.ink
  context.textAlign = 'left'
  context.textBaseline = 'middle'
  context.fillText(text, from, (top + bottom) / 2)
  context.restore()
}
