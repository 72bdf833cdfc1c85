/** One alarm of the configuration: seen by all, changed and removed by those who may. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useParams } from 'react-router'
import { stringify } from 'yaml'

import { configQuery } from '../../api/queries'
import { AlarmPreview } from '../../components/AlarmPreview'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { useWatched } from '../../hooks/useWatched'
import { alarmIn, ruleAlarmsIn, type AlarmForm } from '../../lib/alarmForm'
import { itemIn, withoutItem } from '../../lib/document'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { ReviewDevice } from '../commission/ReviewDevice'
import { AlarmWorkbench } from './AlarmWorkbench'

export function DefinitionPage() {
  const name = useParams()['alarm'] ?? ''
  useTitle(`Alarm · ${name}`)
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const item = useMemo(() => itemIn(text, 'alarms', name), [text, name])
  const form = useMemo(() => alarmIn(text, name), [text, name])
  const cannot = whyNot(useMe().role, 'engineer', 'Changing alarms')
  return (
    <div className="page">
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.alarms}>Alarms</Link>
        <span aria-hidden="true">/</span>
        <Link to={paths.definitions}>Definitions</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">{name}</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>{name}</h1>
          {form !== undefined && form.text !== '' && <p className="muted">{form.text}</p>}
        </div>
        {item !== undefined && (
          <div className="page-head-end">
            <Link className="button" to={paths.alarmsNamed(name)}>
              How it is now
            </Link>
          </div>
        )}
      </header>
      {item === undefined && <NotHere name={name} text={text} />}
      {item !== undefined && cannot !== undefined && <Notice tone="info" title={cannot} />}
      {item !== undefined && form === undefined && (
        <Notice tone="info" title="The configuration does not describe this alarm in a way the console can read">
          <span>
            <Link to={paths.config}>Open the configuration as text</Link> and change it there.
          </span>
        </Notice>
      )}
      {form !== undefined && cannot === undefined && <AlarmWorkbench key={name} original={form} draftName={`alarm ${name}`} fresh={false} />}
      {form !== undefined && cannot !== undefined && <ReadOnly item={item} form={form} />}
      {item !== undefined && cannot === undefined && <RemoveAlarm name={name} />}
    </div>
  )
}

function NotHere({ name, text }: { name: string; text: string }) {
  const rule = ruleAlarmsIn(text).get(name)?.rule
  if (rule !== undefined) {
    return (
      <Notice tone="info" title={`${name} is raised by the rule ${rule}`}>
        <span>
          <Link to={paths.rule(rule)}>Open the rule</Link>: the alarm is one of its actions.
        </span>
      </Notice>
    )
  }
  return (
    <Notice tone="info" title={`The configuration has no alarm ${name}`}>
      <span>
        It may have been removed. <Link to={paths.definitions}>Look at those that are there</Link>.
      </span>
    </Notice>
  )
}

function ReadOnly({ item, form }: { item: unknown; form: AlarmForm }) {
  const watched = useWatched(form.tags)
  return (
    <div className="alarm-split">
      <section className="panel" aria-labelledby="alarm-settings">
        <header>
          <h2 id="alarm-settings">Settings</h2>
        </header>
        <div className="body">
          {/* A region that scrolls must be reachable by keyboard. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="example" tabIndex={0} role="region" aria-label={`Settings of ${form.name}`}>
            {stringify(item)}
          </pre>
        </div>
      </section>
      <AlarmPreview form={form} watched={watched} />
    </div>
  )
}

function RemoveAlarm({ name }: { name: string }) {
  const [review, setReview] = useState(false)
  return (
    <section className="panel" aria-labelledby="remove-alarm">
      <header>
        <h2 id="remove-alarm">Remove this alarm</h2>
      </header>
      <div className="body form">
        <p>Its tags are no longer watched by it, also where it is raised now. What became of it stays in the history, and an earlier revision brings it back. To pause it, take Enabled away under More.</p>
        <div>
          <Button kind="danger" onClick={() => setReview(true)}>
            Remove {name}…
          </Button>
        </div>
      </div>
      {review && <ReviewDevice edit={(running) => withoutItem(running?.text ?? '', 'alarms', name)} comment={`Remove alarm ${name}`} to={paths.definitions} back={paths.definitions} gone={name} onClose={() => setReview(false)} onSaved={() => setReview(false)} />}
    </section>
  )
}
