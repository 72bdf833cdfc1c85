/** What went wrong, stretch by stretch: where, when, how much, why, and what is being done about it. */
import { useState } from 'react'
import { Link } from 'react-router'

import type { Deviation } from '../api/ledger'
import { endAfter } from '../lib/ledger'
import { count, plural } from '../lib/numbers'
import { duration, moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import type { IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'
import { Prose } from '../ui/Prose'

const kinds: Record<Deviation['kind'], [MarkTone, IconName, string]> = {
  missed: ['bad', 'cross', 'not read'],
  bad: ['warn', 'warning', 'without a value'],
  lost: ['bad', 'close', 'lost'],
}

interface Props {
  deviations: Deviation[]
  more: number
  /** the address of the page with just that stretch */
  closer: (each: Deviation) => string
}

const atFirst = 10

export function DeviationTable({ deviations, more, closer }: Props) {
  const [all, setAll] = useState(false)
  const shown = all ? deviations : deviations.slice(0, atFirst)
  return (
    <>
      <table className="table row-cards deviations">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">When</th>
            <th scope="col" className="number">
              Samples
            </th>
            <th scope="col">Why, and what is being done</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((each) => (
            <Row key={`${each.kind}/${each.device}/${each.group}/${each.sink}/${each.reason}/${each.from}`} each={each} to={closer(each)} />
          ))}
        </tbody>
      </table>
      {shown.length < deviations.length && (
        <div className="pager">
          <Button icon="plus" onClick={() => setAll(true)}>
            Show all {count(deviations.length)}
          </Button>
        </div>
      )}
      {shown.length === deviations.length && more > 0 && <p className="body muted">{plural(more, 'older stretch is', 'older stretches are')} not listed. Choose a shorter time, or one device, to see them.</p>}
    </>
  )
}

function Row({ each, to }: { each: Deviation; to: string }) {
  const [tone, icon, word] = kinds[each.kind]
  const { device, sink } = each
  return (
    <tr>
      <th scope="row" className="cell-name">
        {sink !== null ? <Link to={paths.sinks}>{sink}</Link> : device !== null ? <Link to={paths.device(device)}>{device}</Link> : 'This edge'}
        {each.group !== null && <span className="sub">group {each.group}</span>}
        {sink !== null && <span className="sub">sink{device === null ? '' : `, of ${device}`}</span>}
      </th>
      <td className="deviation-time">
        <Link to={to} aria-label={`Look closer at ${moment(each.from)}`}>
          <time dateTime={each.from}>{moment(each.from)}</time> –{' '}
          {each.open ? 'now' : <time dateTime={each.to}>{endAfter(each.from, each.to)}</time>}
        </Link>
        <span className="sub">
          {duration(Date.parse(each.to) - Date.parse(each.from))}
          {each.open ? ', still going on' : ', over'}
        </span>
      </td>
      <td className="number" data-label="samples">
        <strong>{count(each.samples)}</strong>
        <Mark tone={tone} icon={icon}>
          {word}
        </Mark>
      </td>
      <td className="deviation-why">
        <Prose text={each.text} />
        {each.doing !== null && (
          <span className="sub">
            <Prose text={each.doing} />
          </span>
        )}
      </td>
    </tr>
  )
}
