/** What stands on the pages of alarms until one is configured. */
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { statusQuery } from '../../api/queries'
import { useMe } from '../../hooks/useMe'
import { may } from '../../lib/roles'
import { paths } from '../../paths'

const example = `alarms:
  - name: overheated
    tags: ["boiler-*/temperature"]
    condition: above
    limit: 95
    hysteresis: 2
    on_delay: 5s
    priority: high
    text: Boiler too hot
    response: Close valve V3
`

export function NoAlarms() {
  const engineer = may(useMe().role, 'engineer')
  const devices = useQuery({ ...statusQuery, select: (status) => status.devices.total }).data
  return (
    <section className="panel" aria-label="No alarms">
      <div className="body empty">
        <h2>No alarm is configured yet</h2>
        <p>Say which tags are watched, and what raises an alarm. Each tag that is chosen has an alarm of its own. In the configuration it looks like this:</p>
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label="Example of alarms in a configuration">
          {example}
        </pre>
        {engineer && devices === 0 && (
          <p>
            There is no device yet whose tags could be watched: <Link to={paths.addDevice}>add one first</Link>.
          </p>
        )}
        {engineer ? (
          <Link className="button primary" to={paths.newAlarm}>
            Add the first alarm
          </Link>
        ) : (
          <p>
            Ask somebody with the role engineer to add them; how it looks now is under <Link to={paths.config}>Configuration</Link>.
          </p>
        )}
      </div>
    </section>
  )
}
