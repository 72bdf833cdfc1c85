/** What became of stored samples on their way to each sink. */
import { Link } from 'react-router'

import type { Cause, SinkAccount } from '../api/ledger'
import { samplesOf } from '../lib/ledger'
import { count } from '../lib/numbers'
import { paths } from '../paths'
import { SinkMark } from './marks'
import { Since } from './Since'

export function LedgerSinks({ sinks }: { sinks: SinkAccount[] }) {
  return (
    <table className="table row-cards ledger-sinks">
      <thead>
        <tr>
          <th scope="col">Sink</th>
          <th scope="col" className="number">
            Expected
          </th>
          <th scope="col" className="number">
            Delivered
          </th>
          <th scope="col" className="number">
            Waiting
          </th>
          <th scope="col" className="number">
            Refused
          </th>
          <th scope="col" className="number">
            Lost
          </th>
          <th scope="col">What is being done</th>
        </tr>
      </thead>
      <tbody>
        {sinks.map((sink) => (
          <tr key={sink.sink}>
            <th scope="row" className="cell-name">
              <Link to={paths.sinks}>{sink.sink}</Link>
              <span className="sub">
                <SinkMark sink={sink} />
              </span>
            </th>
            <td className="number" data-label="expected">
              {count(sink.expected)}
            </td>
            <td className="number" data-label="delivered">
              {count(sink.delivered)}
            </td>
            <td className={`number ${sink.pending === 0 ? 'is-zero' : ''}`} data-label="waiting">
              {count(sink.pending)}
              {sink.pending > 0 && sink.pending_since !== null && (
                <span className="sub">
                  since <Since time={sink.pending_since} />
                </span>
              )}
            </td>
            <td className={`number ${sink.rejected === 0 ? 'is-zero' : 'is-bad'}`} data-label="refused">
              {sink.rejected === 0 ? (
                '0'
              ) : (
                <Link to={paths.deadLettersOf(sink.sink)} aria-label={`${count(sink.rejected)} refused by ${sink.sink}: see the dead letters`}>
                  {count(sink.rejected)}
                  <span className="sub">dead letters</span>
                </Link>
              )}
            </td>
            <td className={`number ${sink.lost.length === 0 ? 'is-zero' : 'is-bad'}`} data-label="lost">
              {count(samplesOf(sink.lost))}
              <Reasons causes={sink.lost} />
            </td>
            <td className="ledger-doing">{sink.doing ?? <span className="muted">nothing is to be done</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Reasons({ causes }: { causes: Cause[] }) {
  return causes.map((cause) => (
    <span className="sub" key={`${cause.reason}/${cause.text}`}>
      {causes.length > 1 && `${count(cause.samples)} `}
      {cause.text}
    </span>
  ))
}
