/** What stands on the page of rules until one is configured. */
import { Link } from 'react-router'

import { useMe } from '../../hooks/useMe'
import { may } from '../../lib/roles'
import { paths } from '../../paths'

const example = `rules:
  - name: overheated
    text: Boiler hotter than 90 °C, and by how much in ten seconds
    sql: |
      SELECT avg(temperature) > 90 AS hot,
             max(temperature) AS highest
      FROM "boiler-1"
      GROUP BY tumbling_window('10s')
    units: { highest: "°C" }
    actions:
      - alarm: { column: hot, priority: high, on_delay: 30s }
`

export function NoRules({ devices }: { devices: number }) {
  const engineer = may(useMe().role, 'engineer')
  return (
    <section className="panel" aria-label="No rules">
      <div className="body empty">
        <h2>No rule is configured yet</h2>
        {devices === 0 ? (
          <p>A rule reads what devices give: add a device first. Then write what is to be made of its values:</p>
        ) : (
          <p>Write in SQL what is to be made of the values of devices. Try it on history before it does anything. What it gives is stored like the values of a device:</p>
        )}
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label="Example of rules in a configuration">
          {example}
        </pre>
        {engineer ? (
          <Link className="button primary" to={devices === 0 ? paths.addDevice : paths.newRule}>
            {devices === 0 ? 'Add a device' : 'Write the first rule'}
          </Link>
        ) : (
          <p>Ask somebody with the role engineer to write one.</p>
        )}
      </div>
    </section>
  )
}
