/** What stands on the page of notifications until somebody is to be told. */
import { Link } from 'react-router'

import { useMe } from '../../hooks/useMe'
import { may } from '../../lib/roles'
import { paths } from '../../paths'

const example = `notify:
  time_zone: Europe/Berlin
  channels:
    - name: shift-mail
      kind: email
      settings:
        server: mail.plant.example
        username: alarms
        password: { secret: smtp }
        from: tagwerk@plant.example
        to: [shift@plant.example]
  routes:
    - name: all
      to: [shift-mail]
`

export function NoNotify() {
  const engineer = may(useMe().role, 'engineer')
  return (
    <section className="panel" aria-label="No notifications">
      <div className="body empty">
        <h2>Nobody is told of alarms yet</h2>
        {engineer ? (
          <>
            <p>Add a channel, which is one way to tell people: by mail, or by a request to a chat or a pager. Its route says which alarms go by it. Then send a test.</p>
            <Link className="button primary" to={paths.newChannel}>
              Add the first channel
            </Link>
          </>
        ) : (
          <p>
            Ask somebody with the role engineer to add a channel; how the configuration looks now is under <Link to={paths.config}>Configuration</Link>.
          </p>
        )}
        <p>In the configuration it looks like this:</p>
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label="Example of notifications in a configuration">
          {example}
        </pre>
      </div>
    </section>
  )
}
