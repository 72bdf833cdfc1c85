/** An error of the API as a notice: what failed, and the remedy the edge gave. */
import { toApiError } from '../api/errors'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'

export function Failure({ error }: { error: unknown }) {
  const failure = toApiError(error)
  return (
    <Notice tone="bad" title={<Prose text={failure.message} />}>
      {failure.remedy !== '' && <span>
          <Prose text={failure.remedy} />
        </span>}
    </Notice>
  )
}
