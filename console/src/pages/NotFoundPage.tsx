/** An address that is no page. */
import { Link } from 'react-router'

import { useTitle } from '../hooks/useTitle'
import { paths } from '../paths'

export function NotFoundPage() {
  useTitle('No such page')
  return (
    <div className="page narrow">
      <h1>There is no such page</h1>
      <p>The address may be mistyped, or the device was renamed or removed from the configuration.</p>
      <p>
        <Link className="button primary" to={paths.overview}>
          To the overview
        </Link>
      </p>
    </div>
  )
}
