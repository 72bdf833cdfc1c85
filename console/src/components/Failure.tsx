/** An error of the API as a notice: what failed, and the remedy the edge gave. */
import { toApiError } from '../api/errors'
import { Notice } from '../ui/Notice'

export function Failure({ error }: { error: unknown }) {
  const failure = toApiError(error)
  return (
    <Notice tone="bad" title={failure.message}>
      {failure.remedy !== '' && <span>{failure.remedy}</span>}
    </Notice>
  )
}
