/** What all messages have in common: the time zone of quiet hours, and where links lead. */
import { useMemo } from 'react'

import { NeedsRole } from '../../components/NeedsRole'
import { ItemForm } from '../../forms/ItemForm'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useItemFindings } from '../../hooks/useItemFindings'
import { useTitle } from '../../hooks/useTitle'
import { notifyIn, withNotify } from '../../lib/notifyForm'
import { paths } from '../../paths'
import { TextField } from '../../ui/Field'
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

const kind = { write: withNotify, at: () => 'notify' }
const none = new Map<string, string>()

function Form() {
  const text = useConfigText()
  const original = useMemo(() => notifyIn(text), [text])
  const draft = useFormDraft('notify', original)
  const { form, change } = draft
  const { shown, wrong, others } = useItemFindings(draft, none, kind)
  return (
    <ItemForm
      draft={draft}
      what="part"
      problems={none}
      wrong={shown.has('time_zone') || shown.has('public_url') ? wrong : 0}
      others={others}
      write={(now) => withNotify(now, form)}
      comment="Time zone and links of notifications"
      to={paths.notify}
    >
      <section className="panel" aria-label="Time zone and links">
        <div className="body form notify-form">
          <TextField label="Time zone (optional)" hint="Of quiet hours and of times in messages, such as Europe/Berlin. Empty: UTC." autoComplete="off" spellCheck={false} value={form.timeZone} problem={shown.get('time_zone')} onChange={(event) => change({ timeZone: event.target.value })} />
          <TextField label="Address of this console (optional)" hint="Messages link there, such as https://press-1.plant.example. Empty: they do not." autoComplete="off" spellCheck={false} value={form.publicUrl} problem={shown.get('public_url')} onChange={(event) => change({ publicUrl: event.target.value })} />
        </div>
      </section>
    </ItemForm>
  )
}
