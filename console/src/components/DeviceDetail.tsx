/** How a device is read: its link, its groups and its counters; folded, for those who look for the cause. */
import type { Device, DeviceLoad } from '../api/types'
import { bytes, count, plural } from '../lib/numbers'
import { duration, interval } from '../lib/time'
import { Facts } from './Facts'
import { ShareBar, percent, rate } from './LoadEstimate'
import { Ago } from './Since'

export function DeviceDetail({ device }: { device: Device }) {
  const { counters, groups } = device
  const late = groups.reduce((sum, group) => sum + group.late, 0)
  const missed = groups.reduce((sum, group) => sum + group.missed, 0)
  return (
    <details className="panel detail">
      <summary>
        <span className="detail-title">Groups and counters</span>
        <span className="detail-facts">
          <span className="mono">{device.link}</span>
          {device.load !== undefined && (
            <span>
              {rate(device.load.requests_per_second)} requests/s
              {device.load.link_share !== null && `, ${percent(device.load.link_share)} of the link’s time`}
            </span>
          )}
          <span>{counters.rtt_ms === null ? 'no answer yet' : `answers in ${duration(counters.rtt_ms.mean)}`}</span>
          <span>{count(counters.errors)} errors</span>
          <span>
            {count(late)} late, {count(missed)} missed
          </span>
        </span>
      </summary>
      <div className="table-scroll">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col" className="number">
                Interval
              </th>
              <th scope="col" className="number">
                Read takes
              </th>
              <th scope="col" className="number">
                Last read
              </th>
              <th scope="col" className="number">
                Late
              </th>
              <th scope="col" className="number">
                Missed
              </th>
              <th scope="col" className="number">
                Tags
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={group.name}>
                <th scope="row">
                  {group.name}
                  {group.watched === true && <span className="sub">watched: the device reports changes</span>}
                  {group.polled_because !== undefined && <span className="sub">polled: {group.polled_because}</span>}
                </th>
                <td className="number">{interval(group.interval_ms)}</td>
                <td className="number">{group.duration_ms === undefined ? '–' : duration(group.duration_ms)}</td>
                <td className="number">
                  <Ago time={group.last_read} />
                </td>
                <td className={`number ${group.late > 0 ? 'is-warn' : 'is-zero'}`}>{count(group.late)}</td>
                <td className={`number ${group.missed > 0 ? 'is-bad' : 'is-zero'}`}>{count(group.missed)}</td>
                <td className="number">{count(group.tags)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {device.load !== undefined && <DeviceLoadFacts load={device.load} />}
      <Facts
        facts={[
          ['Driver', device.driver],
          ['Requests', count(counters.requests)],
          ['Errors', count(counters.errors)],
          ['Timeouts', count(counters.timeouts)],
          ['Refused by the device', count(counters.exceptions)],
          ['Retries of reads', count(counters.retries)],
          ['Late answers dropped', count(counters.late_answers)],
          ['Reconnects', count(counters.reconnects)],
          ['Writes', count(counters.writes)],
          ['Late polls', count(counters.late_polls)],
          ['Missed polls', count(counters.missed_polls)],
          ['Received', bytes(counters.bytes_in)],
          ['Sent', bytes(counters.bytes_out)],
          [
            'Round trip',
            counters.rtt_ms === null
              ? '–'
              : `${duration(counters.rtt_ms.min)} to ${duration(counters.rtt_ms.max)}, p99 ${duration(counters.rtt_ms.p99)}`,
          ],
          ...(counters.panics > 0 ? [['Faults in the driver', count(counters.panics)] as [string, string]] : []),
        ]}
      />
    </details>
  )
}

function DeviceLoadFacts({ load }: { load: DeviceLoad }) {
  return (
    <div className="body loads">
      <div className="load">
        <h3>Load</h3>
        <p>
          <strong>{rate(load.requests_per_second)}</strong> requests/s on <span className="mono">{load.link}</span>
          {load.link_devices > 1 && <span className="muted">, shared by {plural(load.link_devices, 'device')}</span>}
        </p>
        {load.link_share === null ? (
          <p className="small muted">Its share of the link’s time is known once answers are timed.</p>
        ) : (
          <>
            <ShareBar share={load.link_share} label="Share of the link’s time" />
            <p className="small">
              <strong>{percent(load.link_share)}</strong> of the link’s time
            </p>
          </>
        )}
      </div>
    </div>
  )
}
