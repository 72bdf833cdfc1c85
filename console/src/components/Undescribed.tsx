/** Stands where a form would, for what was written in a way that no form has. */
import { Link } from 'react-router'

import { paths } from '../paths'
import { Notice } from '../ui/Notice'

/** `what` such as `rule`; `then` is what to do in the text. */
export function Undescribed({ what, then = 'change it there' }: { what: string; then?: string }) {
  return (
    <Notice tone="info" title={`The configuration does not describe this ${what} in a way the console can read`}>
      <span>
        <Link to={paths.config}>Open the configuration as text</Link> and {then}.
      </span>
    </Notice>
  )
}
