/** Messages that destinations refused for good: why, of what, and whether they are delivered once more or given up. */
import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { deadLetterFile } from '../../api/files'
import type { DeadLetter, DeadLetterChoice } from '../../api/ledger'
import { deadLettersQuery, queryClient, statusQuery } from '../../api/queries'
import { DeadLetterTable } from '../../components/DeadLetterTable'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { DiscardDeadLetters } from '../../forms/DiscardDeadLetters'
import { useFile } from '../../hooks/useFile'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { choicesOf, howMany, none, pageTurned, turned, type Chosen } from '../../lib/letters'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'

const pageSize = 25

export function DeadLettersPage() {
  useTitle('Dead letters')
  const [search, setSearch] = useSearchParams()
  const sink = search.get('sink') ?? ''
  const configured = useSuspenseQuery(statusQuery).data.sinks.map((each) => each.name)
  const address = deadLetterFile(sink)
  const file = useFile()
  const names = sink === '' || configured.includes(sink) ? configured : [sink, ...configured]
  return (
    <div className="page">
      <PageHead above={[[paths.overview, 'Overview'], [paths.ledger, 'Ledger']]} title="Dead letters" lead="Messages that a destination refused for good. Those after them were delivered; the samples in these are kept until someone decides." />
      <section className="panel" aria-label="Dead letters">
        <div className="filters">
          <select className="input group-select" aria-label="Sink" value={sink} onChange={(event) => setSearch(event.target.value === '' ? {} : { sink: event.target.value }, { replace: true })}>
            <option value="">All sinks</option>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <Button icon="download" busy={file.isBusy(address)} onClick={() => file.take(address)}>
            Export
          </Button>
        </div>
        {file.error !== null && (
          <div className="body">
            <Failure error={file.error} />
          </div>
        )}
        <Letters key={sink} sink={sink} />
      </section>
    </div>
  )
}

function Letters({ sink }: { sink: string }) {
  const [search, setSearch] = useSearchParams()
  const page = Math.max(0, Math.floor(Number(search.get('page') ?? '1')) - 1 || 0)
  const { data, error } = useQuery(deadLettersQuery(sink, page * pageSize, pageSize))
  const [chosen, setChosen] = useState<Chosen>(none)
  const items = data?.items ?? []
  const total = data?.total ?? 0
  const toPage = (next: number) =>
    setSearch(
      (before) => {
        if (next === 0) before.delete('page')
        else before.set('page', String(next + 1))
        return before
      },
      { replace: true },
    )
  return (
    <>
      {error !== null && (
        <div className="body">
          <Failure error={error} />
        </div>
      )}
      {data === undefined && error === null && <p className="body muted">Asking the edge…</p>}
      <Actions sink={sink} total={total} chosen={chosen} onChosen={setChosen} />
      {data !== undefined && items.length === 0 && <p className="body">{page > 0 ? 'This page is empty by now: go back to the first.' : `${sink === '' ? 'No destination' : sink} has refused nothing that still waits for a decision.`}</p>}
      {items.length > 0 && <DeadLetterTable letters={items} chosen={chosen} onTurn={(letter) => setChosen(turned(chosen, letter, items))} onTurnPage={() => setChosen(pageTurned(chosen, items))} />}
      <Pager label="Pages of dead letters" page={page} size={pageSize} total={total} onPage={toPage} />
    </>
  )
}

interface ActionsProps {
  sink: string
  total: number
  chosen: Chosen
  onChosen: (chosen: Chosen) => void
}

const retriable = (letter: DeadLetter) => letter.retriable

/** One request after the other: what the first did stands when the second fails. */
async function inOrder(choices: DeadLetterChoice[], ask: (choice: DeadLetterChoice) => Promise<{ letters: number }>): Promise<number> {
  let letters = 0
  for (const choice of choices) letters += (await ask(choice)).letters
  return letters
}

const isStale = () => Promise.all([['dead-letters'], ['ledger'], ['ledger-groups'], ['status']].map((queryKey) => queryClient.invalidateQueries({ queryKey })))

function Actions({ sink, total, chosen, onChosen }: ActionsProps) {
  const me = useMe()
  const [discarding, setDiscarding] = useState(false)
  const [done, setDone] = useState('')
  const retry = useMutation({
    mutationFn: () => inOrder(choicesOf(chosen, retriable), api.retryDeadLetters),
    onMutate: () => setDone(''),
    onSuccess: (letters) => {
      setDone(`${plural(letters, 'dead letter is', 'dead letters are')} on the way once more. What is refused again comes back here.`)
      onChosen(none)
    },
    onSettled: isStale,
  })
  const many = howMany(chosen)
  // What was done to the last ones is still told when none is left.
  if (total === 0 && many === 0 && done === '' && retry.error === null) return null
  const nothing = many === 0 ? 'Choose dead letters first.' : undefined
  const tooLate = !chosen.all && many > 0 && !chosen.letters.some(retriable) ? 'The journal holds their samples no longer: they can only be discarded.' : undefined
  return (
    <>
      <div className="letter-actions">
        <Button icon="turning" busy={retry.isPending} onClick={() => retry.mutate()} whyNot={whyNot(me.role, 'engineer', 'Delivering them again') ?? nothing ?? tooLate}>
          Retry
        </Button>
        <Button icon="close" onClick={() => setDiscarding(true)} whyNot={whyNot(me.role, 'engineer', 'Giving them up') ?? nothing}>
          Discard…
        </Button>
        {sink !== '' && total > 0 && !chosen.all && (
          <Button kind="quiet" onClick={() => onChosen({ all: true, sink, letters: total })}>
            Choose all {total} of {sink}
          </Button>
        )}
        {many > 0 && (
          <Button kind="quiet" onClick={() => onChosen(none)}>
            Choose none
          </Button>
        )}
        <span role="status" className="small">
          {many > 0 ? `${chosen.all ? `All ${plural(many, 'dead letter')} of ${chosen.sink} are` : `${plural(many, 'dead letter is', 'dead letters are')}`} chosen.${lateOnes(chosen, tooLate)}` : done}
        </span>
      </div>
      {retry.error !== null && (
        <div className="body">
          <Failure error={retry.error} />
        </div>
      )}
      {discarding && (
        <DiscardDeadLetters
          chosen={chosen}
          discard={() => inOrder(choicesOf(chosen), api.discardDeadLetters)}
          onClose={() => setDiscarding(false)}
          onDone={async (letters) => {
            setDiscarding(false)
            setDone(`${plural(letters, 'dead letter is', 'dead letters are')} given up.`)
            onChosen(none)
            await isStale()
          }}
        />
      )}
    </>
  )
}

function lateOnes(chosen: Chosen, tooLate: string | undefined): string {
  if (chosen.all || tooLate !== undefined) return ''
  const late = chosen.letters.filter((letter) => !letter.retriable).length
  return late === 0 ? '' : ` Of these, ${late} can only be discarded, and ${late === 1 ? 'is' : 'are'} left out of a retry.`
}
