/** A test by a channel as it runs, and what each server answered. */
import { useMutation } from '@tanstack/react-query'

import { api } from '../api/client'
import type { NotifyTest } from '../api/notify'
import { notifyQuery, queryClient } from '../api/queries'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'
import { Failure } from './Failure'

export function ChannelTest({ name, whyNot }: { name: string; whyNot?: string | undefined }) {
  const test = useMutation({ mutationFn: () => api.testChannel(name), onSettled: () => queryClient.invalidateQueries(notifyQuery) })
  return (
    <>
      <div className="buttons">
        <Button busy={test.isPending} onClick={() => test.mutate()} whyNot={whyNot}>
          Send a test<span className="visually-hidden"> by {name}</span>
        </Button>
      </div>
      <div role="status">
        {test.error !== null && <Failure error={test.error} />}
        {test.data !== undefined && <Outcome test={test.data} />}
      </div>
    </>
  )
}

function Outcome({ test }: { test: NotifyTest }) {
  const arrived = test.answers.filter((answer) => answer.ok).length
  return (
    <Notice tone={test.ok ? 'good' : arrived > 0 ? 'warn' : 'bad'} title={test.ok ? 'The test was taken.' : arrived > 0 ? 'The test was not taken for everybody.' : 'The test was not taken.'}>
      <ul className="plain-list">
        {test.answers.map((answer) => (
          <li key={answer.recipient}>
            {answer.recipient}: <Prose text={answer.answer} />
          </li>
        ))}
      </ul>
    </Notice>
  )
}
