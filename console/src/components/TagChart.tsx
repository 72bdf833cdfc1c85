/** The look-back of one tag: its line, broken where quality is bad, with a cursor for mouse, touch and keys. */
import { useId, useState, type KeyboardEvent, type PointerEvent } from 'react'

import type { Sample, Samples, Tag } from '../api/types'
import { useSize } from '../hooks/useSize'
import { drawing, sampleAt, timeTicks, valueBounds, type Drawing } from '../lib/chart'
import { axisNumber, ticks } from '../lib/numbers'
import { withUnit } from '../lib/tag'
import { clock, clockMs, moment } from '../lib/time'
import { QualityMark } from './marks'

const height = 220
const margin = { top: 10, right: 8, bottom: 24, left: 52 }

interface Props {
  tag: Tag
  samples: Samples
}

export function TagChart({ tag, samples }: Props) {
  const [ref, width] = useSize<HTMLDivElement>()
  const [cursor, setCursor] = useState<number | undefined>()
  const list = samples.samples
  const from = Date.parse(samples.from)
  const to = Date.parse(samples.to)
  // Thinning keeps a few hundred points: neighbours are then further apart than the interval.
  const quietMs = Math.max(30_000, 10 * tag.interval_ms, samples.thinned ? (to - from) / 60 : 0)
  const drawn = drawing(list, quietMs, to)
  if (list.length === 0) {
    return (
      <p className="chart-empty muted">
        No sample of this time is kept.
        {samples.complete_from !== null && ` The oldest is of ${moment(samples.complete_from)}.`}
      </p>
    )
  }
  if (drawn.lines.length === 0 && drawn.bands.every((band) => band.severity !== 'bad')) {
    return <p className="chart-empty muted">Text is not drawn; the last samples are below.</p>
  }
  const index = Math.min(cursor ?? list.length - 1, list.length - 1)
  const at = list[index]
  const plot = { left: margin.left, right: Math.max(margin.left + 50, width - margin.right) }
  const x = (time: number) => plot.left + ((time - from) / (to - from)) * (plot.right - plot.left)

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const time = from + ((event.clientX - box.left - plot.left) / (plot.right - plot.left)) * (to - from)
    setCursor(sampleAt(list, Math.min(to, Math.max(from, time))))
  }
  const key = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.round(list.length / 20))
    const moves: Record<string, number> = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      PageDown: index - page,
      PageUp: index + page,
      Home: 0,
      End: list.length - 1,
    }
    const next = moves[event.key]
    if (next === undefined) return
    event.preventDefault()
    setCursor(Math.min(list.length - 1, Math.max(0, next)))
  }
  return (
    <figure className="chart" ref={ref}>
      <figcaption className="chart-reading">
        {at !== undefined && <CursorReading sample={at} unit={tag.unit} pinned={cursor !== undefined} />}
      </figcaption>
      <div
        role="slider"
        tabIndex={0}
        aria-label={`Chart of ${tag.name}: time`}
        aria-valuemin={0}
        aria-valuemax={list.length - 1}
        aria-valuenow={index}
        aria-valuetext={at === undefined ? '' : `${clock(at.time)}: ${withUnit(at.text, tag.unit)}, ${at.quality}`}
        className="chart-plot"
        onKeyDown={key}
        onBlur={() => setCursor(undefined)}
      >
        <svg
          width={width}
          height={height}
          aria-hidden="true"
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setCursor(undefined)}
        >
          <Plot tag={tag} drawn={drawn} from={from} to={to} plot={plot} x={x} />
          {at !== undefined && cursor !== undefined && (
            <line className="chart-cursor" x1={x(Date.parse(at.time))} x2={x(Date.parse(at.time))} y1={margin.top} y2={height - margin.bottom} />
          )}
        </svg>
      </div>
      <Legend drawn={drawn} samples={samples} />
    </figure>
  )
}

interface PlotProps {
  tag: Tag
  drawn: Drawing
  from: number
  to: number
  plot: { left: number; right: number }
  x: (time: number) => number
}

function Plot({ tag, drawn, from, to, plot, x }: PlotProps) {
  const hatch = useId()
  const [low, high] = tag.type === 'bool' ? [-0.15, 1.15] : valueBounds(drawn.low, drawn.high)
  const bottom = height - margin.bottom
  const y = (value: number) => bottom - ((value - low) / (high - low)) * (bottom - margin.top)
  const marks = tag.type === 'bool' ? [0, 1] : ticks(low, high, 5)
  const step = marks.length > 1 ? Math.abs((marks[1] ?? 0) - (marks[0] ?? 0)) : high - low
  // What holds until the next sample is drawn as steps; only fractions are joined by a slope.
  const steps = !tag.type.startsWith('float')
  return (
    <>
      <defs>
        <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="6" height="6" className="hatch-ground" />
          <line x1="0" y1="0" x2="0" y2="6" className="hatch-line" />
        </pattern>
      </defs>
      {drawn.bands.map((band) => (
        <rect
          key={`${band.from}`}
          className={`band ${band.severity}`}
          x={Math.max(plot.left, x(band.from))}
          y={margin.top}
          width={Math.max(1.5, Math.min(plot.right, x(band.to)) - Math.max(plot.left, x(band.from)))}
          height={bottom - margin.top}
          fill={band.severity === 'bad' ? `url(#${hatch})` : undefined}
        />
      ))}
      {marks.map((mark) => (
        <g key={mark}>
          <line className="grid" x1={plot.left} x2={plot.right} y1={y(mark)} y2={y(mark)} />
          <text className="tick" x={plot.left - 8} y={y(mark) + 4} textAnchor="end">
            {tag.type === 'bool' ? (mark === 1 ? 'true' : 'false') : axisNumber(mark, step)}
          </text>
        </g>
      ))}
      {timeTicks(from, to, plot.right - plot.left > 420 ? 6 : 4).map((mark) => (
        <g key={mark}>
          <line className="grid" x1={x(mark)} x2={x(mark)} y1={margin.top} y2={bottom} />
          {x(mark) < plot.right - 12 && (
            <text className="tick" x={x(mark)} y={height - 6} textAnchor="middle">
              {clock(mark).slice(0, 5)}
            </text>
          )}
        </g>
      ))}
      {drawn.holds.map((hold) => (
        <line key={hold.from} className="hold" x1={x(hold.from)} x2={x(hold.to)} y1={y(hold.value)} y2={y(hold.value)} />
      ))}
      {drawn.lines.map((line) => (
        <path
          key={line[0]?.time}
          className="line"
          d={line
            .map((point, index) => {
              const px = x(point.time).toFixed(1)
              const py = y(point.value).toFixed(1)
              if (index === 0) return line.length === 1 ? `M${px} ${py}h1.5` : `M${px} ${py}`
              return steps ? `H${px}V${py}` : `L${px} ${py}`
            })
            .join('')}
        />
      ))}
    </>
  )
}

function CursorReading({ sample, unit, pinned }: { sample: Sample; unit: string | undefined; pinned: boolean }) {
  return (
    <>
      <span className="muted">{pinned ? clockMs(sample.time) : `last, ${clockMs(sample.time)}`}</span>
      <strong>{withUnit(sample.text, unit)}</strong>
      <QualityMark severity={sample.quality} stale={false} />
    </>
  )
}

function Legend({ drawn, samples }: { drawn: Drawing; samples: Samples }) {
  const kinds = new Set(drawn.bands.map((band) => band.severity))
  const late = samples.complete_from !== null && Date.parse(samples.complete_from) > Date.parse(samples.from) + 1_000
  return (
    <p className="chart-legend small muted">
      {kinds.has('bad') && (
        <span>
          <span className="swatch bad" aria-hidden="true" /> bad: no value
        </span>
      )}
      {kinds.has('uncertain') && (
        <span>
          <span className="swatch uncertain" aria-hidden="true" /> uncertain
        </span>
      )}
      {drawn.holds.length > 0 && (
        <span>
          <span className="swatch hold" aria-hidden="true" /> no new sample stored: value held
        </span>
      )}
      {late && samples.complete_from !== null && <span>kept since {moment(samples.complete_from)}</span>}
      {samples.rolled_up_to !== null && <span>until {moment(samples.rolled_up_to)} from rollups</span>}
      {samples.thinned && <span>thinned: lowest and highest are kept</span>}
    </p>
  )
}
