/** Which alarms are told to whom, and when: a new route, or one of the configuration. */
import { useMemo } from 'react'
import { Link, useParams } from 'react-router'

import { NeedsRole } from '../../components/NeedsRole'
import { ItemForm } from '../../forms/ItemForm'
import { RemoveItem } from '../../forms/RemoveItem'
import { RouteSettings } from '../../forms/RouteSettings'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useItemFindings } from '../../hooks/useItemFindings'
import { useTitle } from '../../hooks/useTitle'
import { definedIn, ruleAlarmsIn } from '../../lib/alarmForm'
import { namesIn, withoutItem } from '../../lib/document'
import { chosenBy, emptyRoute, notifyIn, otherRouteKeys, routeField, routeIn, routeProblems, withRoute, type RouteForm } from '../../lib/notifyForm'
import { plural } from '../../lib/numbers'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'
import { NotifyHead } from './NotifyHead'

export function NewRoutePage() {
  useTitle('New route')
  const text = useConfigText()
  const channels = useMemo(() => namesIn(text, 'notify.channels'), [text])
  const original = useMemo(() => ({ ...emptyRoute, to: channels.length === 1 ? channels : [] }), [channels])
  return (
    <div className="page">
      <NotifyHead title="New route">Which alarms are told to whom, and when. An alarm takes every route that chooses it.</NotifyHead>
      <NeedsRole needed="engineer" what="Changing routes">
        {channels.length === 0 ? (
          <Notice tone="info" title="There is no channel yet that a route could lead to">
            <span>
              <Link to={paths.newChannel}>Add a channel first</Link>.
            </span>
          </Notice>
        ) : (
          <Workbench original={original} fresh />
        )}
      </NeedsRole>
    </div>
  )
}

export function RoutePage() {
  const name = useParams()['route'] ?? ''
  useTitle(`Route · ${name}`)
  const text = useConfigText()
  const original = useMemo(() => routeIn(text, name), [text, name])
  return (
    <div className="page">
      <NotifyHead title={name} />
      <NeedsRole needed="engineer" what="Changing routes">
        {original === undefined ? (
          <Notice tone="info" title={`The configuration has no route ${name}`}>
            <span>
              <Link to={paths.notify}>Look at those that are there</Link>.
            </span>
          </Notice>
        ) : (
          <>
            <Workbench key={name} original={original} fresh={false} />
            <RemoveItem what="route" name={name} without={(now) => withoutItem(now, 'notify.routes', name)} to={paths.notify}>
              Nobody is told by it any more, and what it had still to tell is told to nobody. To pause it, take Enabled away.
            </RemoveItem>
          </>
        )}
      </NeedsRole>
    </div>
  )
}

const kind = { write: withRoute, at: ({ name }: RouteForm) => `notify.routes[${name}]`, fields: routeField }

function Workbench({ original, fresh }: { original: RouteForm; fresh: boolean }) {
  const text = useConfigText()
  const draft = useFormDraft(fresh ? 'route-new' : `route ${original.name}`, original)
  const { form } = draft
  const { taken, channels, alarms, others, zone } = useMemo(
    () => ({
      taken: new Set(fresh ? namesIn(text, 'notify.routes') : []),
      channels: namesIn(text, 'notify.channels'),
      alarms: [...definedIn(text), ...[...ruleAlarmsIn(text)].map(([name, { priority }]) => ({ name, priority }))],
      others: fresh ? [] : otherRouteKeys(text, original.name),
      zone: notifyIn(text).timeZone,
    }),
    [fresh, text, original.name],
  )
  const problems = routeProblems(form, taken)
  const found = useItemFindings(draft, problems, kind)
  return (
    <ItemForm
      draft={draft}
      what="route"
      fresh={fresh}
      problems={problems}
      wrong={found.wrong}
      others={found.others}
      write={(now) => withRoute(now, form)}
      comment={fresh ? `New route ${form.name}` : `Route ${form.name}`}
      to={paths.notify}
    >
      <div className="alarm-split">
        <RouteSettings form={form} channels={channels} zone={zone} problems={found.shown} warnings={found.warnings} fresh={fresh} others={others} onChange={draft.change} />
        <Chosen form={form} alarms={alarms} />
      </div>
    </ItemForm>
  )
}

const namedMost = 12

/** Which alarms the route chooses, of those that the configuration has. */
function Chosen({ form, alarms }: { form: RouteForm; alarms: { name: string; priority: string }[] }) {
  const names = chosenBy(form, alarms)
  const someTags = form.tags.some((tag) => tag.trim() !== '')
  return (
    <section className="panel alarm-preview" aria-labelledby="route-chosen">
      <header>
        <h2 id="route-chosen">Alarms it tells of</h2>
        <span className="muted small" role="status">
          {names.length} of {plural(alarms.length, 'definition')}
        </span>
      </header>
      <div className="body">
        {alarms.length === 0 && (
          <p>
            No alarm is defined yet. <Link to={paths.newAlarm}>Define one</Link>.
          </p>
        )}
        {alarms.length > 0 && names.length === 0 && <p>None of those that are defined. Choose other names, or a lower priority.</p>}
        <ul className="plain-list">
          {names.slice(0, namedMost).map((name) => (
            <li key={name}>
              <Link to={paths.definition(name)}>{name}</Link>
            </li>
          ))}
        </ul>
        {names.length > namedMost && <p className="small muted">and {names.length - namedMost} more</p>}
        {names.length > 0 && someTags && <p className="small muted">Of these, only the alarms of the tags that are named.</p>}
        {!form.enabled && <p>The route is not enabled: nobody is told.</p>}
      </div>
    </section>
  )
}
