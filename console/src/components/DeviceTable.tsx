/** All devices: state, quality of their tags, how fast they answer, when they last did. */
import { Link } from 'react-router'

import type { Device } from '../api/types'
import { count } from '../lib/numbers'
import { duration } from '../lib/time'
import { paths } from '../paths'
import { Ago } from './Since'
import { DeviceMark, nextTry } from './marks'

export function DeviceTable({ devices }: { devices: Device[] }) {
  return (
    <div className="table-scroll">
      <table className="table devices">
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col">State</th>
            <th scope="col" className="number">
              Good
            </th>
            <th scope="col" className="number">
              Bad
            </th>
            <th scope="col" className="number">
              Stale
            </th>
            <th scope="col" className="number">
              Round trip
            </th>
            <th scope="col" className="number">
              Last read
            </th>
          </tr>
        </thead>
        <tbody>
          {devices.map((device) => (
            <DeviceRow key={device.name} device={device} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function lastRead(device: Device): string | undefined {
  return device.groups
    .map((group) => group.last_read ?? '')
    .filter((time) => time !== '')
    .toSorted()
    .at(-1)
}

function DeviceRow({ device }: { device: Device }) {
  const reason = [device.reason, nextTry(device.next_try_ms)].filter((part) => part !== undefined).join('; ')
  const rtt = device.counters.rtt_ms
  const { tags } = device
  return (
    <tr>
      <th scope="row" className="cell-name">
        <Link to={paths.device(device.name)}>{device.name}</Link>
        {device.description !== undefined && <span className="sub">{device.description}</span>}
      </th>
      <td className={device.state !== 'online' && reason !== '' ? 'cell-state with-reason' : 'cell-state'}>
        <DeviceMark device={device} />
        {device.state !== 'online' && reason !== '' && <span className="sub">{reason}</span>}
      </td>
      <td className="number" data-label="good">
        {count(tags.good)}
      </td>
      <td className={`number ${tags.bad + tags.uncertain > 0 ? 'is-bad' : 'is-zero'}`} data-label="bad">
        {count(tags.bad)}
        {tags.uncertain > 0 && <span className="sub">{count(tags.uncertain)} uncertain</span>}
      </td>
      <td className={`number ${tags.stale > 0 ? 'is-warn' : 'is-zero'}`} data-label="stale">
        {count(tags.stale)}
      </td>
      <td className="number" data-label="round trip">
        {rtt === null ? '–' : duration(rtt.mean)}
        {rtt !== null && <span className="sub rtt">p99 {duration(rtt.p99)}</span>}
      </td>
      <td className="number" data-label="last read">
        <Ago time={lastRead(device)} />
      </td>
    </tr>
  )
}
