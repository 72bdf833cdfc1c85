/** A page that could not be loaded: why, and what to do. */
import { useEffect } from 'react'
import { Link, useRevalidator, useRouteError } from 'react-router'

import { toApiError } from '../api/errors'
import { live } from '../api/live'
import { Failure } from '../components/Failure'
import { useTitle } from '../hooks/useTitle'
import { paths } from '../paths'
import { Button } from '../ui/Button'

const titles: Record<number, string> = {
  0: 'The edge does not answer',
  403: 'Your role may not see this',
  404: 'Not found',
}

export function PageError({ inFrame }: { inFrame?: boolean }) {
  const error = toApiError(useRouteError())
  const title = titles[error.code === 'unreachable' ? 0 : error.status] ?? 'The page could not be shown'
  useTitle(title)
  const revalidator = useRevalidator()
  useEffect(() => {
    if (inFrame === true) live.watch('')
  }, [inFrame])
  const content = (
    <div className="page narrow">
      <h1>{title}</h1>
      <Failure error={error} />
      <div className="buttons">
        <Button
          kind="primary"
          busy={revalidator.state === 'loading'}
          onClick={() => (error.code === 'unreachable' ? window.location.reload() : void revalidator.revalidate())}
        >
          Try again
        </Button>
        <Link className="button" to={paths.overview}>
          To the overview
        </Link>
      </div>
    </div>
  )
  return inFrame === true ? content : <main>{content}</main>
}
