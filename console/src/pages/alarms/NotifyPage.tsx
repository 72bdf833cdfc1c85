/** Who is told of alarms: channels with what became of their messages and a test, and the routes that lead there. */
import { useMutation, useQuery } from '@tanstack/react-query'

import { api } from '../../api/client'
import type { NotifyChannel, NotifyRoute, NotifyTest } from '../../api/notify'
import { notifyQuery, queryClient } from '../../api/queries'
import { PriorityMark } from '../../components/alarmMarks'
import { Facts } from '../../components/Facts'
import { Failure } from '../../components/Failure'
import { Since } from '../../components/Since'
import { AlarmTabs } from '../../components/Tabs'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { alsoWords, levelWords, notifyWords, waitingWords } from '../../lib/notify'
import { count, plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { Button } from '../../ui/Button'
import { Mark } from '../../ui/Mark'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'
import { NoNotify } from './NoNotify'

export function NotifyPage() {
  useTitle('Notifications')
  const { data, error } = useQuery(notifyQuery)
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Notifications</h1>
          <p className="muted">Who is told of alarms outside the console, and whether it arrived.</p>
        </div>
      </header>
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
  const cannot = whyNot(useMe().role, 'operator', 'Sending a test')
  const failing = channels.filter((channel) => channel.state === 'failing').length
  return (
    <section className="panel" aria-labelledby="channels">
      <header>
        <h2 id="channels">Channels</h2>
        <span className="muted small" role="status">
          {failing === 0 ? plural(channels.length, 'channel') : `${count(failing)} of ${plural(channels.length, 'channel')} failing`}
        </span>
      </header>
      {cannot !== undefined && <p className="body muted small">{cannot}</p>}
      <ul className="certificate-list">
        {channels.map((channel) => (
          <Channel key={channel.name} channel={channel} may={cannot === undefined} />
        ))}
      </ul>
    </section>
  )
}

const tones = { unused: ['off', 'info'], delivering: ['good', 'check'], failing: ['bad', 'cross'] } as const

function Channel({ channel, may }: { channel: NotifyChannel; may: boolean }) {
  const test = useMutation({ mutationFn: () => api.testChannel(channel.name), onSettled: () => queryClient.invalidateQueries(notifyQuery) })
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
      {may && (
        <div className="buttons">
          <Button busy={test.isPending} onClick={() => test.mutate()}>
            Send a test<span className="visually-hidden"> by {channel.name}</span>
          </Button>
        </div>
      )}
      <div role="status">
        {test.error !== null && <Failure error={test.error} />}
        {test.data !== undefined && <Outcome test={test.data} />}
      </div>
    </li>
  )
}

function Outcome({ test }: { test: NotifyTest }) {
  const arrived = test.answers.filter((answer) => answer.ok).length
  return (
    <Notice tone={test.ok ? 'good' : arrived > 0 ? 'warn' : 'bad'} title={test.ok ? 'The test was taken.' : arrived > 0 ? 'The test was not taken for everybody.' : 'The test was not taken.'}>
      <ul className="plain-list">
        {test.answers.map((answer) => (
          <li key={answer.recipient}>
            {answer.recipient}: <Prose text={answer.answer} />
          </li>
        ))}
      </ul>
    </Notice>
  )
}

function Routes({ routes, zone }: { routes: NotifyRoute[]; zone: string | null }) {
  return (
    <section className="panel" aria-labelledby="routes">
      <header>
        <h2 id="routes">Routes</h2>
        <span className="muted small">Times are of {zone ?? 'UTC'}.</span>
      </header>
      {routes.length === 0 ? (
        <p className="body">
          None is enabled, so nobody is told. Add one under <code>notify.routes</code> in the configuration.
        </p>
      ) : (
        <ul className="certificate-list">
          {routes.map((route) => (
            <Route key={route.name} route={route} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Route({ route }: { route: NotifyRoute }) {
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
