/** Who is told of alarms: channels with what became of their messages and a test, and the routes that lead there. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link } from 'react-router'

import type { NotifyChannel, NotifyRoute } from '../../api/notify'
import { notifyQuery } from '../../api/queries'
import { PriorityMark } from '../../components/alarmMarks'
import { ChannelTest } from '../../components/ChannelTest'
import { Facts } from '../../components/Facts'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Since } from '../../components/Since'
import { AlarmTabs } from '../../components/Tabs'
import { useConfigText } from '../../hooks/useConfigText'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { namesIn } from '../../lib/document'
import { alsoWords, levelWords, notifyWords, waitingWords } from '../../lib/notify'
import { count, plural } from '../../lib/numbers'
import { may, whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Icon } from '../../ui/Icon'
import { Mark } from '../../ui/Mark'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'
import { NoNotify } from './NoNotify'

export function NotifyPage() {
  useTitle('Notifications')
  const { data, error } = useQuery(notifyQuery)
  return (
    <div className="page">
      <PageHead title="Notifications" lead="Who is told of alarms outside the console, and whether it arrived." />
      <AlarmTabs />
      {error !== null && data === undefined && <Failure error={error} />}
      {data === undefined && error === null && <p className="muted">Asking the edge…</p>}
      {data !== undefined && data.channels.length === 0 && <NoNotify />}
      {data !== undefined && data.channels.length > 0 && (
        <>
          <Channels channels={data.channels} />
          <Routes routes={data.routes} zone={data.time_zone} />
        </>
      )}
    </div>
  )
}

function Channels({ channels }: { channels: NotifyChannel[] }) {
  const { role } = useMe()
  const changes = may(role, 'engineer')
  const cannot = whyNot(role, 'operator', 'Sending a test')
  const failing = channels.filter((channel) => channel.state === 'failing').length
  return (
    <section className="panel" aria-labelledby="channels">
      <header>
        <h2 id="channels">Channels</h2>
        <span className="muted small" role="status">
          {failing === 0 ? plural(channels.length, 'channel') : `${count(failing)} of ${plural(channels.length, 'channel')} failing`}
        </span>
        {changes && <Add to={paths.newChannel}>New channel</Add>}
      </header>
      {cannot !== undefined && <p className="body muted small">{cannot}</p>}
      <ul className="certificate-list">
        {channels.map((channel) => (
          <Channel key={channel.name} channel={channel} mayTest={cannot === undefined} changes={changes} />
        ))}
      </ul>
    </section>
  )
}

const tones = { unused: ['off', 'info'], delivering: ['good', 'check'], failing: ['bad', 'cross'] } as const

function Channel({ channel, mayTest, changes }: { channel: NotifyChannel; mayTest: boolean; changes: boolean }) {
  const [tone, icon] = tones[channel.state]
  const failed = channel.last_failure
  return (
    <li aria-label={`Channel ${channel.name}`}>
      <div className="template-head">
        <h3>{channel.name}</h3>
        <span className="muted">{channel.kind}</span>
        <Mark tone={tone} icon={icon}>
          {notifyWords[channel.state]}
        </Mark>
        {changes && <Change to={paths.channel(channel.name)} what={`the channel ${channel.name}`} />}
      </div>
      {channel.description !== null && <p>{channel.description}</p>}
      {channel.state === 'failing' && failed !== null && (
        <Notice tone="bad" title={<Prose text={failed.cause} />}>
          <span>Messages are tried again for a day; what comes up meanwhile is told together afterwards. Correct what is named, then send a test.</span>
        </Notice>
      )}
      <Facts
        facts={[
          ['To', channel.recipients.join(', ')],
          ['Last arrived', channel.last_success === null ? 'never' : <Since key="arrived" time={channel.last_success} />],
          ['Waiting', waitingWords(channel)],
          ['Delivered', count(channel.delivered)],
          ...(channel.refused > 0 ? [['Refused for good', count(channel.refused)] as [string, string]] : []),
          ...(channel.given_up > 0 ? [['Given up after a day', count(channel.given_up)] as [string, string]] : []),
          ...(failed !== null && channel.state !== 'failing' ? [['Last failure', <span key="failure"><Since time={failed.at} />: <Prose text={failed.cause} /></span>] as [string, React.ReactNode]] : []),
        ]}
      />
      {mayTest && <ChannelTest name={channel.name} />}
    </li>
  )
}

function Routes({ routes, zone }: { routes: NotifyRoute[]; zone: string | null }) {
  const changes = may(useMe().role, 'engineer')
  const text = useConfigText()
  const named = useMemo(() => namesIn(text, 'notify.routes'), [text])
  // The edge tells of those that are enabled alone.
  const off = named.filter((name) => !routes.some((route) => route.name === name))
  return (
    <section className="panel" aria-labelledby="routes">
      <header>
        <h2 id="routes">Routes</h2>
        <span className="muted small">
          Times are of {zone ?? 'UTC'}. {changes && <Link to={paths.notifySettings}>Time zone and links</Link>}
        </span>
        {changes && <Add to={paths.newRoute}>New route</Add>}
      </header>
      {routes.length === 0 && <p className="body">None is enabled, so nobody is told. {changes ? 'Add a route, or enable one.' : 'Ask somebody with the role engineer to add one.'}</p>}
      {routes.length > 0 && (
        <ul className="certificate-list">
          {routes.map((route) => (
            <Route key={route.name} route={route} changes={changes} />
          ))}
        </ul>
      )}
      {off.length > 0 && (
        <p className="body small">
          Not enabled:{' '}
          {off.map((name, index) => (
            <span key={name}>
              {index > 0 && ', '}
              {changes ? <Link to={paths.route(name)}>{name}</Link> : name}
            </span>
          ))}
        </p>
      )}
    </section>
  )
}

function Route({ route, changes }: { route: NotifyRoute; changes: boolean }) {
  return (
    <li aria-label={`Route ${route.name}`}>
      <div className="template-head">
        <h3>{route.name}</h3>
        {route.quiet_up_to !== null && (
          <Mark tone="off" icon="clock">
            quiet now, up to {route.quiet_up_to}
          </Mark>
        )}
        {route.open > 0 && (
          <Mark tone="warn" icon="bell">
            {plural(route.open, 'alarm')} not acknowledged
          </Mark>
        )}
        {changes && <Change to={paths.route(route.name)} what={`the route ${route.name}`} />}
      </div>
      {route.description !== null && <p>{route.description}</p>}
      <Facts
        facts={[
          ['From priority', <PriorityMark key="priority" priority={route.min_priority} />],
          ...route.levels.map((level, place): [string, string] => [place === 0 ? 'Told' : `Escalated, level ${place + 1}`, `${level.to.join(', ')} ${levelWords(level, place)}`]),
          ['Also told', alsoWords(route)],
          ['At most', `${plural(route.messages_per_hour_max, 'message')} an hour to each channel`],
          ['Waiting', route.waiting === 0 ? 'nothing' : plural(route.waiting, 'alarm')],
        ]}
      />
    </li>
  )
}

function Change({ to, what }: { to: string; what: string }) {
  return (
    <Link className="button quiet notify-change" to={to}>
      <Icon name="pencil" />
      Change<span className="visually-hidden"> {what}</span>
    </Link>
  )
}

function Add({ to, children }: { to: string; children: string }) {
  return (
    <Link className="button" to={to}>
      <Icon name="plus" />
      {children}
    </Link>
  )
}
