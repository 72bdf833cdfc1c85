/** Gives dead letters up, once it was said how many samples their destination will never get. */
import { useMutation, useQuery } from '@tanstack/react-query'

import { api } from '../api/client'
import { Failure } from '../components/Failure'
import type { Chosen } from '../lib/letters'
import { howMany } from '../lib/letters'
import { count, plural } from '../lib/numbers'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'

interface Props {
  chosen: Chosen
  discard: () => Promise<number>
  onClose: () => void
  onDone: (letters: number) => Promise<void>
}

const most = 1_000
const pagesMost = 20

/** `more`: there are so many that they were not counted to the end. */
async function samplesOfSink(sink: string, signal: AbortSignal): Promise<{ samples: number; more: boolean }> {
  let samples = 0
  for (let page = 0; page < pagesMost; page++) {
    const { items, total } = await api.deadLetters({ sink, offset: page * most, limit: most }, signal)
    samples += items.reduce((sum, each) => sum + each.samples, 0)
    if (page * most + items.length >= total || items.length === 0) return { samples, more: false }
  }
  return { samples, more: true }
}

export function DiscardDeadLetters({ chosen, discard, onClose, onDone }: Props) {
  const giveUp = useMutation({ mutationFn: discard, onSuccess: onDone })
  const counted = useQuery({
    queryKey: ['dead-letter-samples', chosen.all ? chosen.sink : chosen.letters.map(({ id }) => id)],
    queryFn: ({ signal }) => (chosen.all ? samplesOfSink(chosen.sink, signal) : { samples: chosen.letters.reduce((sum, each) => sum + each.samples, 0), more: false }),
    staleTime: 0,
    gcTime: 0,
  })
  const many = howMany(chosen)
  const sinks = chosen.all ? [chosen.sink] : [...new Set(chosen.letters.map(({ sink }) => sink))]
  const { data } = counted
  return (
    <Dialog
      title={`Discard ${plural(many, 'dead letter')}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" busy={giveUp.isPending} onClick={() => giveUp.mutate()} whyNot={data === undefined ? (counted.error === null ? 'Their samples are being counted.' : 'Their samples could not be counted.') : undefined}>
            {data === undefined ? 'Give up' : `Give up ${data.more ? 'more than ' : ''}${plural(data.samples, 'sample')}`}
          </Button>
        </>
      }
    >
      {counted.error !== null && <Failure error={counted.error} />}
      {giveUp.error !== null && <Failure error={giveUp.error} />}
      <p>
        {data === undefined ? 'Their samples' : <strong>{`${data.more ? 'More than ' : ''}${count(data.samples)} ${data.samples === 1 ? 'sample' : 'samples'}`}</strong>} will never be delivered to {sinks.join(', ')}. The ledger counts them as lost from then on.
      </p>
      <p>What history keeps of them stays. To take their samples along first, close this and use Export.</p>
    </Dialog>
  )
}
