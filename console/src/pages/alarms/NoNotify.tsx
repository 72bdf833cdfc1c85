/** What stands on the page of notifications until somebody is to be told. */
import { useState } from 'react'
import { Link } from 'react-router'

import { useMe } from '../../hooks/useMe'
import { copied } from '../../lib/copy'
import { may } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'

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
  const [state, setState] = useState<'idle' | 'copied' | 'failed'>('idle')
  return (
    <section className="panel" aria-label="No notifications">
      <div className="body empty">
        <h2>Nobody is told of alarms yet</h2>
        <ol className="first-steps">
          <li>
            Store the password of the mail account under <Link to={paths.secrets}>Secrets</Link>, by the name <code>smtp</code>.
          </li>
          <li>Copy this into the configuration, with your mail server and addresses:</li>
        </ol>
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label="Example of notifications in a configuration">
          {example}
        </pre>
        <div className="buttons">
          <Button onClick={() => void copied(example).then((done) => setState(done ? 'copied' : 'failed'))}>Copy the example</Button>
          {engineer && (
            <Link className="button primary" to={paths.config}>
              Open the configuration
            </Link>
          )}
        </div>
        <p role="status" className="muted small">
          {state === 'copied' && 'Copied.'}
          {state === 'failed' && 'The browser does not let this page copy: select the text and copy it by hand.'}
        </p>
        <p>
          Then come back and send a test.
          {!engineer && (
            <>
              {' '}
              Somebody with the role engineer must apply it; how the configuration looks now is under <Link to={paths.config}>Configuration</Link>.
            </>
          )}
        </p>
      </div>
    </section>
  )
}
