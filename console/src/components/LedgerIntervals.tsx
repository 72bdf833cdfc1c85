/** The columns of the chart as a table, for those who read figures rather than see them. Folded, and made when opened. */
import { useState } from 'react'

import type { Ledger } from '../api/ledger'
import { parts, sinkParts } from '../lib/ledger'
import { count, plural } from '../lib/numbers'
import { duration, moment } from '../lib/time'

export function LedgerIntervals({ ledger, sink }: { ledger: Ledger; sink: string | undefined }) {
  const [open, setOpen] = useState(false)
  return (
    <details className="detail" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="detail-title">As a table</span>
        <span className="detail-facts">
          {plural(ledger.intervals.length, 'interval')} of {duration(ledger.interval_s * 1_000)}
        </span>
      </summary>
      {open && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="ledger-intervals" role="region" aria-label="Intervals" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col" className="number">
                  expected
                </th>
                {parts.map(([key, name]) => (
                  <th key={key} scope="col" className="number">
                    {name}
                  </th>
                ))}
                {sink !== undefined &&
                  sinkParts.map(([key, name]) => (
                    <th key={key} scope="col" className="number">
                      {sink}: {name}
                    </th>
                  ))}
              </tr>
            </thead>
            <tbody>
              {ledger.intervals.toReversed().map((each) => {
                const sent = each.sinks.find((one) => one.sink === sink)
                return (
                  <tr key={each.time}>
                    <th scope="row">
                      <time dateTime={each.time}>{moment(each.time)}</time>
                    </th>
                    <td className="number">{count(each.expected)}</td>
                    {parts.map(([key, , look]) => (
                      <Figure key={key} samples={each[key]} grave={look === 'bad' || look === 'gone'} />
                    ))}
                    {sink !== undefined && sinkParts.map(([key, , look]) => <Figure key={key} samples={sent?.[key] ?? 0} grave={look === 'bad' || look === 'gone'} />)}
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function Figure({ samples, grave }: { samples: number; grave: boolean }) {
  return <td className={`number ${samples === 0 ? 'is-zero' : grave ? 'is-bad' : ''}`}>{count(samples)}</td>
}
