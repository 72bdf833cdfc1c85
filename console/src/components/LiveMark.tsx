/** Whether the page is live, and if not, of when its values are. */
import { useConnection } from '../hooks/useLive'
import { clock } from '../lib/time'
import { Mark } from '../ui/Mark'

export function LiveMark() {
  const connection = useConnection()
  return (
    <span className="live" role="status">
      {connection.state === 'live' && (
        <Mark tone="good" icon="check" chip>
          live
        </Mark>
      )}
      {connection.state === 'connecting' && (
        <Mark tone="off" icon="turning" chip>
          connecting…
        </Mark>
      )}
      {connection.state === 'lost' && (
        <Mark tone="warn" icon="warning" chip>
          <span>
            <span className="live-long">reconnecting… values as of</span>
            <span className="live-short" aria-hidden="true">
              as of
            </span> {clock(connection.since)}
          </span>
        </Mark>
      )}
    </span>
  )
}
