/** All sinks: state, what waits for them, what they took. */
import { Link } from 'react-router'

import type { SinkStatus } from '../api/types'
import { count, plural } from '../lib/numbers'
import { paths } from '../paths'
import { SinkMark, nextTry } from './marks'
import { Ago, Since } from './Since'

export function SinkTable({ sinks }: { sinks: SinkStatus[] }) {
  return (
    <div className="table-scroll">
      <table className="table sinks">
        <thead>
          <tr>
            <th scope="col">Sink</th>
            <th scope="col">State</th>
            <th scope="col" className="number">
              Backlog
            </th>
            <th scope="col" className="number">
              Delivered
            </th>
            <th scope="col" className="number">
              Lost
            </th>
            <th scope="col" className="number">
              Last delivery
            </th>
          </tr>
        </thead>
        <tbody>
          {sinks.map((sink) => (
            <SinkRow key={sink.name} sink={sink} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function SinkRow({ sink }: { sink: SinkStatus }) {
  const reason = [sink.reason, nextTry(sink.next_try_ms)].filter((part) => part !== undefined).join('; ')
  const lost = sink.dropped_samples + sink.rejected_messages
  return (
    <tr>
      <th scope="row" className="cell-name">
        {sink.name}
        <span className="sub">{sink.kind}</span>
      </th>
      <td className="cell-state">
        <SinkMark sink={sink} />
        {sink.state !== 'connected' && (
          <span className="sub">
            {reason !== '' && `${reason}; `}since <Since time={sink.since} />
          </span>
        )}
      </td>
      <td className="number" data-label="backlog">
        {plural(sink.backlog_samples, 'sample')}
      </td>
      <td className="number" data-label="delivered">
        {count(sink.delivered_samples)}
        <span className="sub">{plural(sink.delivered_messages, 'message')}</span>
      </td>
      <td className={`number ${lost > 0 ? 'is-bad' : 'is-zero'}`} data-label="lost">
        {lost === 0 && '0'}
        {sink.dropped_samples > 0 && plural(sink.dropped_samples, 'sample')}
        {sink.rejected_messages > 0 && (
          <span className={sink.dropped_samples > 0 ? 'sub' : undefined}>
            <Link to={paths.deadLettersOf(sink.name)}>{count(sink.rejected_messages)} rejected</Link>
          </span>
        )}
      </td>
      <td className="number" data-label="last delivery">
        <Ago time={sink.last_delivered_at} />
      </td>
    </tr>
  )
}
