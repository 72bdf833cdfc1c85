/** The tags of a trend in numbers: at the cursor, and lowest, highest and last of the range. */
import { Link } from 'react-router'

import { toApiError } from '../api/errors'
import type { Sample } from '../api/types'
import type { Trace } from '../hooks/useTraces'
import { count, plural } from '../lib/numbers'
import { withUnit } from '../lib/tag'
import { momentMs } from '../lib/time'
import { figuresOf, indexAt, type View } from '../lib/trend'
import { paths } from '../paths'
import { Button, IconButton } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { QualityMark } from './marks'

interface Props {
  traces: Trace[]
  view: View
  cursor: number | undefined
  onRemove: (key: string) => void
}

export function TrendTable({ traces, view, cursor, onRemove }: Props) {
  return (
    <div className="table-scroll">
      <table className="table trend-table">
        <caption className="visually-hidden">
          {cursor === undefined ? 'Last values of the range shown' : `Values at ${momentMs(cursor)}`}, with lowest and highest of the range
        </caption>
        <thead>
          <tr>
            <th scope="col">Tag</th>
            <th scope="col" className="number">
              {cursor === undefined ? 'Last value' : 'At the cursor'}
            </th>
            <th scope="col">Quality</th>
            <th scope="col">Time</th>
            <th scope="col" className="number">
              Lowest
            </th>
            <th scope="col" className="number">
              Highest
            </th>
            <th scope="col" className="number">
              Last
            </th>
            <th scope="col" className="number">
              Samples
            </th>
            <th scope="col">
              <span className="visually-hidden">Remove</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {traces.map((trace, index) => (
            <Row key={trace.key} trace={trace} number={index + 1} view={view} cursor={cursor} onRemove={() => onRemove(trace.key)} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** What holds at a time: the last sample not after it. */
export function heldAt(trace: Trace, view: View, cursor: number | undefined): Sample | undefined {
  return trace.series.samples[indexAt(trace.series.times, cursor ?? view.to)]
}

function Row({ trace, number, view, cursor, onRemove }: { trace: Trace; number: number; view: View; cursor: number | undefined; onRemove: () => void }) {
  const figures = figuresOf(trace.series, view)
  const held = heldAt(trace, view, cursor)
  const unit = trace.about?.unit
  return (
    <tr>
      <th scope="row" className="trend-name">
        <span className={`trend-number trace-${number}`}>{number}</span>
        <Link to={paths.tag(trace.device, trace.tag)}>{trace.tag}</Link>
        <span className="sub">
          {trace.device}
          {trace.gone && trace.error === null && ', no longer configured'}
        </span>
      </th>
      {trace.error !== null ? (
        <td colSpan={7} className="trend-failed">
          <Failed trace={trace} />
        </td>
      ) : trace.answer === undefined ? (
        <td colSpan={7} className="muted">
          <span role="status">
            <Icon name="turning" className="spin" /> Asking the edge…
          </span>
        </td>
      ) : (
        <>
          <td className="number cell-value" data-label={cursor === undefined ? 'last value' : 'at the cursor'}>
            <strong>{withUnit(held?.text ?? null, unit)}</strong>
          </td>
          <td data-label="quality">{held === undefined ? <span className="muted">none stored</span> : <QualityMark severity={held.quality} stale={false} />}</td>
          <td className="trend-time muted" data-label="time">
            {held === undefined ? '–' : <time dateTime={held.time}>{momentMs(held.time)}</time>}
          </td>
          <td className="number" data-label="lowest">
            {withUnit(figures.min?.text ?? null, unit)}
          </td>
          <td className="number" data-label="highest">
            {withUnit(figures.max?.text ?? null, unit)}
          </td>
          <td className="number" data-label="last">
            {withUnit(figures.last?.text ?? null, unit)}
          </td>
          <td className="number muted trend-count" data-label="samples">
            {trace.loading && <Icon name="turning" className="spin" />}
            <span>
              {count(figures.count)}
              {trace.answer.thinned && ', thinned'}
            </span>
            {figures.bad > 0 && <span className="sub">{plural(figures.bad, 'bad', 'bad')}</span>}
          </td>
        </>
      )}
      <td className="cell-remove">
        <IconButton name="close" label={`Remove ${trace.tag} of ${trace.device} from the trend`} onClick={onRemove} />
      </td>
    </tr>
  )
}

function Failed({ trace }: { trace: Trace }) {
  const failure = toApiError(trace.error)
  return (
    <div className="trend-failure" role="alert">
      <span>
        <strong>{failure.message}</strong> {failure.remedy}
      </span>
      <Button icon="turning" onClick={trace.retry}>
        Try again
      </Button>
    </div>
  )
}
