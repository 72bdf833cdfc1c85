/** What all messages have in common: the time zone of quiet hours, and where links lead. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'

import { configQuery } from '../../api/queries'
import { FindingList } from '../../components/FindingList'
import { NeedsRole } from '../../components/NeedsRole'
import { FormFoot, Outdated } from '../../forms/FormFoot'
import { useFormDraft } from '../../hooks/useFormDraft'
import { errorsOf, useItemFindings } from '../../hooks/useItemFindings'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { emptyDocument } from '../../lib/document'
import { notifyIn, withNotify, type NotifyForm } from '../../lib/notifyForm'
import { paths } from '../../paths'
import { TextField } from '../../ui/Field'
import { ReviewDevice } from '../commission/ReviewDevice'
import { NotifyHead } from './NotifyHead'

export function NotifySettingsPage() {
  useTitle('Time zone and links')
  return (
    <div className="page">
      <NotifyHead title="Time zone and links">Of all messages and quiet hours.</NotifyHead>
      <NeedsRole needed="engineer" what="Changing notifications">
        <Form />
      </NeedsRole>
    </div>
  )
}

const at = () => 'notify'
const none = new Map<string, string>()

function Form() {
  const me = useMe()
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const original = useMemo(() => notifyIn(text), [text])
  const { form, changed, outdated, change, discard, forget } = useFormDraft('notify', original)
  const [review, setReview] = useState(false)
  const found = useItemFindings({ text, form, write: withNotify, at }, changed)
  const wrong = found.errors.has('time_zone') || found.errors.has('public_url') ? errorsOf(found) : 0
  const edit = (part: Partial<NotifyForm>) => change((before) => ({ ...before, ...part }))
  return (
    <>
      {outdated && <Outdated what="part" onDiscard={discard} />}
      <section className="panel" aria-label="Time zone and links">
        <div className="body form notify-form">
          <TextField label="Time zone (optional)" hint="Of quiet hours and of times in messages, such as Europe/Berlin. Empty: UTC." autoComplete="off" spellCheck={false} value={form.timeZone} problem={found.errors.get('time_zone')} onChange={(event) => edit({ timeZone: event.target.value })} />
          <TextField label="Address of this console (optional)" hint="Messages link there, such as https://press-1.plant.example. Empty: they do not." autoComplete="off" spellCheck={false} value={form.publicUrl} problem={found.errors.get('public_url')} onChange={(event) => edit({ publicUrl: event.target.value })} />
        </div>
      </section>
      {found.others.length > 0 && <FindingList findings={found.others} withoutLines />}
      <FormFoot changed={changed} fresh={false} problems={none} tried={false} wrong={wrong} onSave={() => setReview(true)} onDiscard={discard} />
      {review && <ReviewDevice edit={(running) => withNotify(running?.text ?? emptyDocument(me.edge), form)} comment="Time zone and links of notifications" to={paths.notify} back={paths.notify} onClose={() => setReview(false)} onSaved={forget} />}
    </>
  )
}
