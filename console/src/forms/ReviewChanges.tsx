/** Before a configuration is applied: what it changes, what that does to the devices; then the deliberate step. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { toApiError } from '../api/errors'
import { configQuery, devicesQuery, queryClient } from '../api/queries'
import type { ApplyResult, RunningConfig } from '../api/types'
import { ChangeList, EffectList, TemplateChanges } from '../components/ChangeList'
import { Failure } from '../components/Failure'
import { FindingList } from '../components/FindingList'
import { TextDiff } from '../components/TextDiff'
import type { Draft } from '../lib/draft'
import { plural } from '../lib/numbers'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'

interface Props {
  draft: Draft
  running: RunningConfig | null
  /** proposed for the revision */
  comment?: string
  onClose: () => void
  onDiscard: () => void
  onRebase: (base: number) => void
  onApplied: (result: ApplyResult) => Promise<void>
}

export function ReviewChanges({ draft, running, comment: proposed = '', onClose, onDiscard, onRebase, onApplied }: Props) {
  const [comment, setComment] = useState(proposed)
  const diff = useQuery({
    queryKey: ['diff', draft.text, running?.revision],
    queryFn: ({ signal }) => api.diff(draft.text, signal),
    staleTime: 0,
    gcTime: 0,
  })
  const devices = useQuery(devicesQuery)
  const apply = useMutation({
    mutationFn: () => api.apply(draft.text, draft.base, comment),
    onSuccess: onApplied,
  })
  const failure = apply.error === null ? undefined : toApiError(apply.error)
  const behind = running !== null && draft.base !== running.revision
  const conflict = failure?.status === 412 || behind
  const whyNot =
    diff.data === undefined
      ? 'The changes are not known yet.'
      : !diff.data.ok
        ? 'Mend the errors first.'
        : conflict
          ? 'Look at the difference with the newer revision first.'
          : undefined
  return (
    <Dialog
      title="Review changes"
      kind="modal wide"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Back to editing</Button>
          <Button kind="primary" busy={apply.isPending} whyNot={whyNot} onClick={() => apply.mutate()}>
            Apply as revision {(running?.revision ?? 0) + 1}
          </Button>
        </>
      }
    >
      {failure !== undefined && failure.status !== 412 && (
        <>
          <Failure error={failure} />
          <FindingList findings={failure.findings} />
        </>
      )}
      {conflict && (
        <Conflict
          message={failure?.status === 412 ? failure.message : undefined}
          base={draft.base}
          onDiscard={onDiscard}
          onRebase={async () => {
            const fresh = await refreshed()
            apply.reset()
            onRebase(fresh)
          }}
        />
      )}
      {diff.error !== null && <Failure error={diff.error} />}
      {diff.isPending && <p role="status">Comparing with the running configuration…</p>}
      {diff.data !== undefined && (
        <>
          {diff.data.findings.length > 0 && <FindingList findings={diff.data.findings} />}
          <section aria-labelledby="effects">
            <h3 id="effects">What happens to the devices</h3>
            <EffectList effects={diff.data.effects} devices={devices.data?.items ?? []} />
          </section>
          <TemplateChanges templates={diff.data.templates ?? []} />
          <section aria-labelledby="changes">
            <h3 id="changes">{plural(diff.data.changes.length, 'change')}</h3>
            <ChangeList changes={diff.data.changes} />
          </section>
          <details>
            <summary>Line by line</summary>
            <TextDiff before={running?.text ?? ''} after={draft.text} label="Difference of the texts" />
          </details>
          <TextField
            label="Comment"
            hint="Why, for those who look at the revisions later. Optional."
            value={comment}
            maxLength={200}
            onChange={(event) => setComment(event.target.value)}
          />
        </>
      )}
    </Dialog>
  )
}

async function refreshed(): Promise<number> {

  const fresh = await queryClient.fetchQuery({ ...configQuery, staleTime: 0 })
  return fresh?.revision ?? 0
}

interface ConflictProps {
  message: string | undefined
  base: number
  onDiscard: () => void
  onRebase: () => Promise<void>
}

function Conflict({ message, base, onDiscard, onRebase }: ConflictProps) {
  return (
    <Notice tone="warn" title="Someone else applied a revision while you edited">
      <span>
        {message ?? `Your text started from revision ${base}, which is no longer the running one.`} Nothing of yours was
        applied, and nothing is lost.
      </span>
      <div className="buttons">
        <Button onClick={() => void onRebase()}>Compare mine with the newer one</Button>
        <Button onClick={onDiscard}>Discard mine, load the newer one</Button>
      </div>
    </Notice>
  )
}
