/** One way to tell people: a new one, or one of the configuration with its test. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useParams } from 'react-router'

import { componentsQuery } from '../../api/queries'
import { ChannelTest } from '../../components/ChannelTest'
import { NeedsRole } from '../../components/NeedsRole'
import { ItemForm } from '../../forms/ItemForm'
import { RemoveItem } from '../../forms/RemoveItem'
import { SettingsForm } from '../../forms/SettingsForm'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useItemFindings } from '../../hooks/useItemFindings'
import { useTitle } from '../../hooks/useTitle'
import { namesIn, withoutItem } from '../../lib/document'
import { channelField, channelIn, channelProblems, emptyChannel, emptyRoute, withChannel, withRoute, type ChannelForm } from '../../lib/notifyForm'
import { cleaned, fieldsOf, problemsOf } from '../../lib/settings'
import { paths } from '../../paths'
import { SelectField, TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { exampleOf } from '../commission/CommissionPage'
import { NotifyHead } from './NotifyHead'

export function NewChannelPage() {
  useTitle('New channel')
  const kinds = useSuspenseQuery(componentsQuery).data.channels
  const kind = kinds[0]?.name ?? ''
  const original = useMemo(() => ({ ...emptyChannel, kind }), [kind])
  return (
    <div className="page">
      <NotifyHead title="New channel">One way to tell people: mails to some addresses, or a request to a chat or a pager. Routes say which alarms go by it.</NotifyHead>
      <NeedsRole needed="engineer" what="Changing channels">
        <Workbench original={original} fresh />
      </NeedsRole>
    </div>
  )
}

export function ChannelPage() {
  const name = useParams()['channel'] ?? ''
  useTitle(`Channel · ${name}`)
  const text = useConfigText()
  const original = useMemo(() => channelIn(text, name), [text, name])
  return (
    <div className="page">
      <NotifyHead title={name} />
      <NeedsRole needed="engineer" what="Changing channels">
        {original === undefined ? (
          <Notice tone="info" title="The configuration has no such channel that the console can read">
            <span>
              <Link to={paths.notify}>Look at those that are there</Link>, or <Link to={paths.config}>open the configuration as text</Link>.
            </span>
          </Notice>
        ) : (
          <>
            <Workbench key={name} original={original} fresh={false} />
            <RemoveItem what="channel" name={name} without={(now) => withoutItem(now, 'notify.channels', name)} to={paths.notify}>
              Nobody is told by it any more, and what waits for it is dropped. Routes that name it must name another first.
            </RemoveItem>
          </>
        )}
      </NeedsRole>
    </div>
  )
}

const item = { write: withChannel, at: ({ name }: ChannelForm) => `notify.channels[${name}]`, fields: channelField }

function Workbench({ original, fresh }: { original: ChannelForm; fresh: boolean }) {
  const text = useConfigText()
  const kinds = useSuspenseQuery(componentsQuery).data.channels
  const draft = useFormDraft(fresh ? 'channel-new' : `channel ${original.name}`, original)
  const { form, changed, change } = draft
  const [route, setRoute] = useState(true)
  const spec = kinds.find((each) => each.name === form.kind)
  const fields = useMemo(() => (spec === undefined ? [] : fieldsOf(spec.settings)), [spec])
  const taken = useMemo(() => new Set(fresh ? namesIn(text, 'notify.channels') : []), [fresh, text])
  const first = fresh && namesIn(text, 'notify.routes').length === 0
  const problems = new Map([...channelProblems(form, taken), ...problemsOf(fields, form.settings)])
  const { shown, wrong, others } = useItemFindings(draft, problems, item)
  const write = (now: string) => {
    const after = withChannel(now, { ...form, settings: cleaned(form.settings) })
    return first && route ? withRoute(after, { ...emptyRoute, name: 'all', to: [form.name] }) : after
  }
  return (
    <ItemForm
      draft={draft}
      what="channel"
      fresh={fresh}
      problems={problems}
      wrong={wrong}
      others={others}
      write={write}
      comment={fresh ? `New channel ${form.name}` : `Channel ${form.name}`}
      // A new one is tested next.
      to={paths.channel(form.name)}
    >
      <section className="panel" aria-label="Settings of the channel">
        <div className="body form notify-form">
          {fresh && <TextField label="Name" hint="For good: routes name it. Letters from a to z, digits, dots and dashes." autoComplete="off" spellCheck={false} maxLength={128} value={form.name} problem={shown.get('@name')} onChange={(event) => change({ name: event.target.value.trim() })} />}
          {fresh && (
            <SelectField label="How people are told" hint={spec?.summary} value={form.kind} problem={shown.get('@kind')} onChange={(event) => change({ kind: event.target.value, settings: {} })}>
              {kinds.map((kind) => (
                <option key={kind.name}>{kind.name}</option>
              ))}
            </SelectField>
          )}
          <TextField label="Description (optional)" hint="Whom it reaches." autoComplete="off" maxLength={1_000} value={form.description} problem={shown.get('@description')} onChange={(event) => change({ description: event.target.value })} />
          {spec === undefined ? (
            <Notice tone="info" title={`The console does not know the kind ${form.kind}`}>
              <span>Its settings stay as they are.</span>
            </Notice>
          ) : (
            <SettingsForm key={spec.name} fields={fields} example={exampleOf(spec)} values={form.settings} onChange={(settings) => change({ settings })} problems={shown} />
          )}
          {first && (
            <label className="checkbox">
              <input type="checkbox" checked={route} onChange={(event) => setRoute(event.target.checked)} />
              Also add a route, so that all alarms are told by it
            </label>
          )}
        </div>
      </section>
      {!fresh && (
        <section className="panel" aria-labelledby="channel-test">
          <header>
            <h2 id="channel-test">Test</h2>
          </header>
          <div className="body form">
            <p className="muted small">A test goes out by the channel as it runs now, to all its recipients.</p>
            <ChannelTest name={form.name} whyNot={changed ? 'Save the changes first: a test goes by what runs.' : undefined} />
          </div>
        </section>
      )}
    </ItemForm>
  )
}
