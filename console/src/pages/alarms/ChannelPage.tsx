/** One way to tell people: a new one, or one of the configuration with its test. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useParams } from 'react-router'

import { componentsQuery, configQuery } from '../../api/queries'
import { ChannelTest } from '../../components/ChannelTest'
import { FindingList } from '../../components/FindingList'
import { NeedsRole } from '../../components/NeedsRole'
import { FormFoot, Outdated } from '../../forms/FormFoot'
import { SettingsForm } from '../../forms/SettingsForm'
import { useFormDraft } from '../../hooks/useFormDraft'
import { errorsOf, useItemFindings } from '../../hooks/useItemFindings'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { emptyDocument, namesIn, withoutItem } from '../../lib/document'
import { channelField, channelIn, channelProblems, emptyChannel, emptyRoute, withChannel, withRoute, type ChannelForm } from '../../lib/notifyForm'
import { cleaned, fieldsOf, problemsOf } from '../../lib/settings'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { SelectField, TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { exampleOf } from '../commission/CommissionPage'
import { ReviewDevice } from '../commission/ReviewDevice'
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
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
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
            <RemoveChannel name={name} />
          </>
        )}
      </NeedsRole>
    </div>
  )
}

const at = ({ name }: ChannelForm) => `notify.channels[${name}]`

function Workbench({ original, fresh }: { original: ChannelForm; fresh: boolean }) {
  const me = useMe()
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const kinds = useSuspenseQuery(componentsQuery).data.channels
  const { form, changed, outdated, change, discard, forget } = useFormDraft(fresh ? 'channel-new' : `channel ${original.name}`, original)
  const [tried, setTried] = useState(false)
  const [review, setReview] = useState(false)
  const [route, setRoute] = useState(true)
  const spec = kinds.find((each) => each.name === form.kind)
  const fields = useMemo(() => (spec === undefined ? [] : fieldsOf(spec.settings)), [spec])
  const taken = useMemo(() => new Set(fresh ? namesIn(text, 'notify.channels') : []), [fresh, text])
  const first = fresh && namesIn(text, 'notify.routes').length === 0
  const problems = new Map([...channelProblems(form, taken), ...problemsOf(fields, form.settings)])
  const found = useItemFindings({ text, form, write: withChannel, at, fields: channelField }, changed && problems.size === 0)
  const wrong = errorsOf(found)
  const shown = tried && problems.size > 0 ? problems : found.errors
  const edit = (part: Partial<ChannelForm>) => change((before) => ({ ...before, ...part }))
  const write = (now: string) => {
    const after = withChannel(now, { ...form, settings: cleaned(form.settings) })
    return first && route ? withRoute(after, { ...emptyRoute, name: 'all', to: [form.name] }) : after
  }
  return (
    <>
      {outdated && <Outdated what="channel" onDiscard={discard} />}
      <section className="panel" aria-label="Settings of the channel">
        <div className="body form notify-form">
          {fresh && <TextField label="Name" hint="For good: routes name it. Letters from a to z, digits, dots and dashes." autoComplete="off" spellCheck={false} maxLength={128} value={form.name} problem={shown.get('@name')} onChange={(event) => edit({ name: event.target.value.trim() })} />}
          {fresh && (
            <SelectField label="How people are told" hint={spec?.summary} value={form.kind} problem={shown.get('@kind')} onChange={(event) => edit({ kind: event.target.value, settings: {} })}>
              {kinds.map((kind) => (
                <option key={kind.name}>{kind.name}</option>
              ))}
            </SelectField>
          )}
          <TextField label="Description (optional)" hint="Whom it reaches." autoComplete="off" maxLength={1_000} value={form.description} problem={shown.get('@description')} onChange={(event) => edit({ description: event.target.value })} />
          {spec === undefined ? (
            <Notice tone="info" title={`The console does not know the kind ${form.kind}`}>
              <span>Its settings stay as they are.</span>
            </Notice>
          ) : (
            <SettingsForm key={spec.name} fields={fields} example={exampleOf(spec)} values={form.settings} onChange={(settings) => edit({ settings })} problems={shown} />
          )}
          {first && (
            <label className="checkbox">
              <input type="checkbox" checked={route} onChange={(event) => setRoute(event.target.checked)} />
              Also add a route, so that all alarms are told by it
            </label>
          )}
        </div>
      </section>
      {found.others.length > 0 && <FindingList findings={found.others} withoutLines />}
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
      <FormFoot
        changed={changed}
        fresh={fresh}
        problems={problems}
        tried={tried}
        wrong={wrong}
        onSave={() => {
          setTried(true)
          if (problems.size === 0 && wrong === 0) setReview(true)
        }}
        onDiscard={() => {
          discard()
          setTried(false)
        }}
      />
      {review && (
        <ReviewDevice
          edit={(running) => write(running?.text ?? emptyDocument(me.edge))}
          comment={fresh ? `New channel ${form.name}` : `Channel ${form.name}`}
          // A new one is tested next.
          to={paths.channel(form.name)}
          back={paths.notify}
          onClose={() => setReview(false)}
          onSaved={() => {
            forget()
            setReview(false)
          }}
        />
      )}
    </>
  )
}

function RemoveChannel({ name }: { name: string }) {
  const [review, setReview] = useState(false)
  return (
    <section className="panel" aria-labelledby="remove-channel">
      <header>
        <h2 id="remove-channel">Remove this channel</h2>
      </header>
      <div className="body form">
        <p>Nobody is told by it any more, and what waits for it is dropped. Routes that name it must name another first.</p>
        <div>
          <Button kind="danger" onClick={() => setReview(true)}>
            Remove {name}…
          </Button>
        </div>
      </div>
      {review && <ReviewDevice edit={(running) => withoutItem(running?.text ?? '', 'notify.channels', name)} comment={`Remove channel ${name}`} to={paths.notify} back={paths.notify} onClose={() => setReview(false)} onSaved={() => setReview(false)} />}
    </section>
  )
}
