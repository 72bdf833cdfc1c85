/** One revision: its text, how it differs from the running one, and the way back to it. */
import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate, useParams, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { configQuery, devicesQuery, queryClient, revisionQuery } from '../api/queries'
import { ChangeList, EffectList, TemplateChanges } from '../components/ChangeList'
import { Failure } from '../components/Failure'
import { TextDiff } from '../components/TextDiff'
import { YamlEditor } from '../components/YamlEditor'
import { useMe } from '../hooks/useMe'
import { useTitle } from '../hooks/useTitle'
import { download } from '../lib/download'
import { saveDraft } from '../lib/draft'
import { bytes, plural } from '../lib/numbers'
import { whyNot } from '../lib/roles'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'
import { Mark } from '../ui/Mark'

export function RevisionPage() {
  const number = Number(useParams()['revision'])
  const revision = useSuspenseQuery(revisionQuery(number)).data
  const running = useSuspenseQuery(configQuery).data
  const me = useMe()
  const [search, setSearch] = useSearchParams()
  const [rolling, setRolling] = useState(false)
  useTitle(`Revision ${number}`)
  const active = running?.revision === number
  const view = search.get('view') === 'text' || active ? 'text' : 'difference'
  const cannot =
    whyNot(me.role, 'engineer', 'Rolling back') ?? (active ? 'This revision is the running one.' : undefined)
  return (
    <div className="page">
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.config}>Configuration</Link>
        <span aria-hidden="true">/</span>
        <Link to={paths.revisions}>Revisions</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">{number}</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>Revision {number}</h1>
          <p className="muted">
            Applied {moment(revision.applied_at)} by {revision.by}. {plural(revision.devices, 'device')},{' '}
            {plural(revision.tags, 'tag')}, {bytes(revision.bytes)}.
          </p>
          {revision.comment !== undefined && <p>“{revision.comment}”</p>}
        </div>
        {active && (
          <div className="page-head-end">
            <Mark tone="good" icon="check" chip>
              running
            </Mark>
          </div>
        )}
      </header>
      <div className="config-tools">
        {!active && (
          <fieldset className="segments">
            <legend className="visually-hidden">Show</legend>
            {(['difference', 'text'] as const).map((each) => (
              <label key={each}>
                <input
                  type="radio"
                  name="view"
                  checked={view === each}
                  onChange={() => setSearch(each === 'text' ? { view: 'text' } : {}, { replace: true })}
                />
                <span>{each === 'text' ? 'Its text' : 'Difference to the running one'}</span>
              </label>
            ))}
          </fieldset>
        )}
        <Button icon="download" onClick={() => download(`${me.edge}-${number}.yaml`, revision.text)}>
          Download
        </Button>
        <Button onClick={() => setRolling(true)} whyNot={cannot}>
          Roll back to this…
        </Button>
      </div>
      {view === 'text' ? (
        <section className="panel editor-panel" aria-label="Text">
          <YamlEditor label={`Text of revision ${number}, read only`} value={revision.text} readOnly />
        </section>
      ) : (
        <section className="panel" aria-labelledby="difference">
          <header>
            <h2 id="difference">From running revision {running?.revision ?? '–'} back to this</h2>
          </header>
          <TextDiff before={running?.text ?? ''} after={revision.text} label="Difference to the running configuration" />
        </section>
      )}
      {rolling && <Rollback revision={number} text={revision.text} onClose={() => setRolling(false)} />}
    </div>
  )
}

function Rollback({ revision, text, onClose }: { revision: number; text: string; onClose: () => void }) {
  const navigate = useNavigate()
  const [comment, setComment] = useState(`back to revision ${revision}`)
  const devices = useQuery(devicesQuery)
  const diff = useQuery({
    queryKey: ['diff', text, 'rollback'],
    queryFn: ({ signal }) => api.diff(text, signal),
    staleTime: 0,
    gcTime: 0,
  })
  const rollback = useMutation({
    mutationFn: () => api.rollback(revision, comment),
    onSuccess: async () => {
      saveDraft(undefined)
      await queryClient.invalidateQueries()
      await navigate(paths.revisions)
    },
  })
  return (
    <Dialog
      title={`Roll back to revision ${revision}`}
      kind="modal wide"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Leave it as it is</Button>
          <Button
            kind="primary"
            busy={rollback.isPending}
            whyNot={diff.data?.ok === false ? 'This text has errors for the edge as it is now.' : undefined}
            onClick={() => rollback.mutate()}
          >
            Roll back now
          </Button>
        </>
      }
    >
      <p>The old text is applied as a new revision. The present one stays in the list.</p>
      {rollback.error !== null && <Failure error={rollback.error} />}
      {diff.isPending && <p role="status">Comparing with the running configuration…</p>}
      {diff.error !== null && <Failure error={diff.error} />}
      {diff.data !== undefined && (
        <>
          <section aria-labelledby="effects">
            <h3 id="effects">What happens to the devices</h3>
            <EffectList effects={diff.data.effects} devices={devices.data?.items ?? []} />
          </section>
          <TemplateChanges templates={diff.data.templates ?? []} />
          <section aria-labelledby="changes">
            <h3 id="changes">{plural(diff.data.changes.length, 'change')}</h3>
            <ChangeList changes={diff.data.changes} />
          </section>
        </>
      )}
      <TextField label="Comment" value={comment} maxLength={200} onChange={(event) => setComment(event.target.value)} />
    </Dialog>
  )
}
