/** The ledger over time: a column an interval of what became of its samples, and below it of those for one sink. */
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'

import type { Ledger } from '../api/ledger'
import { useSize } from '../hooks/useSize'
import { useScheme } from '../hooks/useTheme'
import { endsOf, parts, perInterval, readingOf, sinkParts } from '../lib/ledger'
import { drawLedger, ledgerLayout } from '../lib/ledgerDraw'
import { coloursOf } from '../lib/trendDraw'

interface Props {
  ledger: Ledger
  sink: string | undefined
}

export function LedgerChart({ ledger, sink }: Props) {
  const [ref, width] = useSize<HTMLDivElement>()
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useScheme()
  const [at, setAt] = useState<string | undefined>()
  const { intervals, interval_s: seconds } = ledger
  const from = Date.parse(ledger.from)
  const to = Math.max(Date.parse(ledger.to), from + 1_000)
  const layout = ledgerLayout(width, [`Samples ${perInterval(seconds)}`, ...(sink === undefined ? [] : [`On the way to ${sink}`])])
  // The time stays where it is when a newer answer comes, its place in the list does not.
  const cursor = at === undefined ? -1 : intervals.findIndex((each) => each.time === at)
  const shown = intervals[cursor]
  const ends = endsOf(ledger)[cursor] ?? to
  const reading = shown === undefined ? undefined : readingOf(shown, ends, sink)

  useEffect(() => {
    const element = canvas.current
    if (element !== null) drawLedger(element, width, layout, { from, to }, ledger, sink, coloursOf(element))
    // The layout follows from the rest.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [ledger, sink, width, scheme])

  const read = (index: number) => setAt(intervals[Math.min(intervals.length - 1, Math.max(0, index))]?.time)
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const share = (event.clientX - event.currentTarget.getBoundingClientRect().left - layout.left) / (layout.right - layout.left)
    const time = from + Math.min(0.9999, Math.max(0, share)) * (to - from)
    read(intervals.findLastIndex((each) => Date.parse(each.time) <= time))
  }
  const key = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.round(intervals.length / 12))
    const moves: Record<string, () => void> = {
      ArrowLeft: () => read(cursor < 0 ? intervals.length - 1 : cursor - 1),
      ArrowRight: () => read(cursor + 1),
      PageUp: () => read((cursor < 0 ? intervals.length : cursor) - page),
      PageDown: () => read(cursor + page),
      Home: () => read(0),
      End: () => read(intervals.length - 1),
      Escape: () => setAt(undefined),
    }
    const run = moves[event.key]
    if (run === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    run()
  }
  const x = (time: number) => layout.left + ((time - from) / (to - from)) * (layout.right - layout.left)
  const [left, right] = shown === undefined ? [0, 0] : [Math.max(layout.left, x(Date.parse(shown.time))), Math.min(layout.right, x(ends))]
  return (
    <div className="ledger-chart">
      <p className="ledger-reading">
        {reading === undefined ? (
          <span className="muted">
            <span className="for-mouse">Point at a column, or use the arrow keys, to read it.</span>
            <span className="for-touch">Touch a column to read it.</span>
          </span>
        ) : (
          <>
            <strong>{reading.time}</strong> <span>{reading.stored}</span> <span className="muted">{reading.sent}</span>
          </>
        )}
      </p>
      <div className="trend-frame" ref={ref}>
        <div
          role="slider"
          tabIndex={0}
          className="trend-plot"
          aria-label="Ledger: time"
          aria-keyshortcuts="ArrowLeft ArrowRight PageUp PageDown Home End Escape"
          aria-valuemin={0}
          aria-valuemax={Math.max(0, intervals.length - 1)}
          aria-valuenow={cursor < 0 ? Math.max(0, intervals.length - 1) : cursor}
          aria-valuetext={reading === undefined ? 'no column is read' : `${reading.time}: ${reading.stored}${reading.sent === '' ? '' : `; ${reading.sent}`}`}
          style={{ height: layout.height }}
          onKeyDown={key}
          onPointerDown={point}
          onPointerMove={point}
          onPointerLeave={(event) => {
            if (event.pointerType === 'mouse') setAt(undefined)
          }}
        >
          <canvas ref={canvas} aria-hidden="true" style={{ width, height: layout.height }} />
          {shown !== undefined && <div className="trend-box" style={{ left, width: Math.max(2, right - left), height: layout.bottom }} />}
        </div>
      </div>
      <Legend withSink={sink !== undefined} />
    </div>
  )
}

function Legend({ withSink }: { withSink: boolean }) {
  const names = new Map<string, string>()
  for (const [, name, look] of parts) names.set(look, name)
  if (withSink) for (const [, name, look] of sinkParts) names.set(look, [names.get(look), name].filter((each) => each !== undefined).join(' / '))
  return (
    <p className="small muted trend-legend">
      {[...names].map(([look, name]) => (
        <span key={look}>
          <span className={`swatch look-${look}`} aria-hidden="true" /> {name}
        </span>
      ))}
      <span>What is not well is drawn high enough to be seen.</span>
    </p>
  )
}
