/** The plot of a trend: drawn on a canvas; zoomed and moved by wheel, drag, pinch and keys; a cursor over all tags. */
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'

import { useScheme } from '../hooks/useTheme'
import { nextTime, panned, zoomed, type View } from '../lib/trend'
import { coloursOf, drawTrend } from '../lib/trendDraw'
import { layoutOf, type Line } from '../lib/trendLayout'
import { momentMs } from '../lib/time'

interface Props {
  lines: Line[]
  width: number
  view: View
  /** the newest view, also where several moves come before the page is drawn again */
  current: () => View
  now: () => number
  cursor: number | undefined
  /** what the cursor reads, in a sentence */
  reading: string
  onCursor: (time: number | undefined) => void
  /** `moving` while a gesture goes on: nothing is asked of the edge yet; `soon`: it may go on */
  onView: (view: View, how: 'moving' | 'soon' | 'done') => void
}

interface Grip {
  x: number
  y: number
}

interface Drawn {
  lines: Line[]
  width: number
  from: number
  to: number
  scheme: string
}

/** A cursor that moves draws no lines. */
function isSame(a: Drawn | undefined, b: Drawn): boolean {
  if (a === undefined || a.width !== b.width || a.from !== b.from || a.to !== b.to || a.scheme !== b.scheme || a.lines.length !== b.lines.length) return false
  return a.lines.every((line, index) => {
    const other = b.lines[index]
    return other !== undefined && line.series === other.series && line.name === other.name && line.unit === other.unit && line.quietMs === other.quietMs
  })
}

export function TrendChart({ lines, width, view, current, now, cursor, reading, onCursor, onView }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const frame = useRef<HTMLDivElement>(null)
  const scheme = useScheme()
  const grips = useRef(new Map<number, Grip>())
  const start = useRef<{ at: number; view: View; kind: 'zoom' | 'pan' } | undefined>(undefined)
  const [box, setBox] = useState<{ from: number; to: number } | undefined>()
  const layout = layoutOf(lines, width)
  const span = view.to - view.from
  const plotWidth = layout.right - layout.left
  const timeAt = (clientX: number) => {
    const left = frame.current?.getBoundingClientRect().left ?? 0
    const share = (clientX - left - layout.left) / plotWidth
    return view.from + Math.min(1, Math.max(0, share)) * span
  }

  const drawn = useRef<Drawn | undefined>(undefined)
  useEffect(() => {
    const element = canvas.current
    const next: Drawn = { lines, width, from: view.from, to: view.to, scheme }
    if (element === null || isSame(drawn.current, next)) return
    drawn.current = next
    drawTrend(element, width, layout, view, coloursOf(element))
  })

  // React listens to wheels passively, where the page would scroll as well.
  const wheel = useRef<(event: WheelEvent) => void>(() => {})
  useEffect(() => {
    wheel.current = (event) => {
      event.preventDefault()
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)
      const by = sideways ? event.deltaX + (event.shiftKey ? event.deltaY : 0) : event.deltaY
      const dots = event.deltaMode === 1 ? by * 30 : by
      const latest = current()
      const at = latest.from + ((timeAt(event.clientX) - view.from) / span) * (latest.to - latest.from)
      const next = sideways ? panned(latest, (dots / plotWidth) * (latest.to - latest.from), now()) : zoomed(latest, Math.exp(Math.max(-1, Math.min(1, dots / 400))), at, now())
      onView(next, 'soon')
    }
  })
  useEffect(() => {
    const element = frame.current
    const listen = (event: WheelEvent) => wheel.current(event)
    element?.addEventListener('wheel', listen, { passive: false })
    return () => element?.removeEventListener('wheel', listen)
  }, [])

  const down = (event: PointerEvent<HTMLDivElement>) => {
    if (event.pointerType === 'mouse' && event.button > 1) return
    grips.current.set(event.pointerId, { x: event.clientX, y: event.clientY })
    event.currentTarget.setPointerCapture(event.pointerId)
    if (event.pointerType === 'mouse') {
      const kind = event.shiftKey || event.button === 1 ? 'pan' : 'zoom'
      start.current = { at: event.clientX, view, kind }
      if (event.button === 1) event.preventDefault()
    } else onCursor(timeAt(event.clientX))
  }
  const move = (event: PointerEvent<HTMLDivElement>) => {
    const before = grips.current.get(event.pointerId)
    const held = start.current
    const grip = { x: event.clientX, y: event.clientY }
    if (before !== undefined) grips.current.set(event.pointerId, grip)
    if (grips.current.size === 2 && before !== undefined) pinch(event.pointerId, before, grip)
    else if (held?.kind === 'pan') onView(panned(held.view, ((held.at - event.clientX) / plotWidth) * span, now()), 'moving')
    else if (held?.kind === 'zoom') {
      if (Math.abs(event.clientX - held.at) > 4) setBox({ from: Math.min(timeAt(held.at), timeAt(event.clientX)), to: Math.max(timeAt(held.at), timeAt(event.clientX)) })
      onCursor(timeAt(event.clientX))
    } else onCursor(timeAt(event.clientX))
  }
  /** Both fingers keep what lies under them. */
  const pinch = (id: number, before: Grip, after: Grip) => {
    const other = [...grips.current].find(([each]) => each !== id)?.[1]
    if (other === undefined) return
    const apart = (grip: Grip) => Math.max(20, Math.abs(grip.x - other.x))
    const latest = current()
    const moved = panned(latest, (-(after.x - before.x) / 2 / plotWidth) * (latest.to - latest.from), now())
    const at = moved.from + ((timeAt((after.x + other.x) / 2) - view.from) / span) * (moved.to - moved.from)
    onView(zoomed(moved, apart(before) / apart(after), at, now()), 'moving')
  }
  const up = (event: PointerEvent<HTMLDivElement>) => {
    const pinched = grips.current.size === 2
    grips.current.delete(event.pointerId)
    const held = start.current
    start.current = undefined
    if (box !== undefined) {
      setBox(undefined)
      if (event.type === 'pointerup') onView(zoomed(box, 1, (box.from + box.to) / 2, now()), 'done')
    } else if (held?.kind === 'pan' || pinched) onView(current(), 'done')
  }

  const key = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const middle = cursor ?? (view.from + view.to) / 2
    const series = lines.map((line) => line.series)
    const to = (time: number) => () => onCursor(Math.min(view.to, Math.max(view.from, time)))
    const zoom = (factor: number) => () => onView(zoomed(view, factor, middle, now()), 'done')
    const moves: Record<string, () => void> = {
      ArrowLeft: event.shiftKey ? () => onView(panned(view, -span / 4, now()), 'done') : to(nextTime(series, cursor ?? view.to, -1, view)),
      ArrowRight: event.shiftKey ? () => onView(panned(view, span / 4, now()), 'done') : to(nextTime(series, cursor ?? view.from, 1, view)),
      PageUp: to(middle - span / 20),
      PageDown: to(middle + span / 20),
      Home: to(view.from),
      End: to(view.to),
      '+': zoom(0.5),
      '=': zoom(0.5),
      '-': zoom(2),
      Escape: () => onCursor(undefined),
    }
    const run = moves[event.key]
    if (run === undefined) return
    event.preventDefault()
    run()
  }

  const xOf = (time: number) => layout.left + ((time - view.from) / span) * plotWidth
  const names = lines.map((line) => `${line.number} ${line.name}`).join(', ')
  return (
    <div
      ref={frame}
      role="slider"
      tabIndex={0}
      className="trend-plot"
      aria-label={`Trend of ${names}: time`}
      aria-keyshortcuts="ArrowLeft ArrowRight PageUp PageDown Home End + - Shift+ArrowLeft Shift+ArrowRight Escape"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={cursor === undefined ? 100 : Math.round(((cursor - view.from) / span) * 100)}
      aria-valuetext={cursor === undefined ? `${momentMs(view.from)} to ${momentMs(view.to)}` : reading}
      style={{ height: layout.height }}
      onKeyDown={key}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onPointerLeave={(event) => {
        if (event.pointerType === 'mouse' && start.current === undefined) onCursor(undefined)
      }}
      onDoubleClick={(event) => onView(zoomed(view, 0.5, timeAt(event.clientX), now()), 'done')}
    >
      <canvas ref={canvas} aria-hidden="true" style={{ width, height: layout.height }} />
      {box !== undefined && <div className="trend-box" style={{ left: xOf(box.from), width: Math.max(1, xOf(box.to) - xOf(box.from)), height: layout.bottom }} />}
      {cursor !== undefined && cursor >= view.from && cursor <= view.to && <div className="trend-cursor" style={{ left: xOf(cursor), height: layout.bottom }} />}
    </div>
  )
}
