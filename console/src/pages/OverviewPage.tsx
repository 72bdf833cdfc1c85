/** At a glance: are all tags fresh and good, and if not, which, since when, why, and what can I do. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Link, useLocation } from 'react-router'

import { devicesQuery, statusQuery } from '../api/queries'
import type { Status } from '../api/types'
import { DeviceTable } from '../components/DeviceTable'
import { Facts } from '../components/Facts'
import { Health } from '../components/Health'
import { LedgerNote } from '../components/LedgerNote'
import { PageHead } from '../components/PageHead'
import { SinkTable } from '../components/SinkTable'
import { useMe } from '../hooks/useMe'
import { useTitle } from '../hooks/useTitle'
import { bytes, plural } from '../lib/numbers'
import { may } from '../lib/roles'
import { duration, moment } from '../lib/time'
import { paths } from '../paths'
import { Icon } from '../ui/Icon'

export function OverviewPage() {
  const me = useMe()
  const status = useSuspenseQuery(statusQuery).data
  const devices = useSuspenseQuery(devicesQuery).data.items
  useTitle(status.problems.length === 0 ? status.edge : `${plural(status.problems.length, 'problem')} · ${status.edge}`)
  const { hash } = useLocation()
  // A place of this page that another page leads to.
  useEffect(() => {
    if (hash !== '') document.getElementById(hash.slice(1))?.scrollIntoView()
  }, [hash])
  const empty = status.config === null || status.devices.total === 0
  return (
    <div className="page">
      <PageHead title={status.edge} lead={status.description} />
      {empty ? (
        <FirstSteps status={status} />
      ) : (
        <>
          <Health status={status} devices={devices} />
          <LedgerNote />
          <section className="panel" aria-labelledby="devices">
            <header>
              <div>
                <h2 id="devices">Devices</h2>
                <span className="muted small">
                  {status.devices.online} of {status.devices.total} online
                  {status.devices.disabled > 0 && `, ${status.devices.disabled} disabled`}
                </span>
              </div>
              {may(me.role, 'engineer') && (
                <Link className="button" to={paths.addDevice}>
                  <Icon name="plus" />
                  Add a device
                </Link>
              )}
            </header>
            <DeviceTable devices={devices} />
          </section>
        </>
      )}
      {!(empty && status.sinks.length === 0) && (
        <section className="panel" aria-labelledby="sinks">
          <header>
            <h2 id="sinks">Sinks</h2>
            <span className="muted small">where the data goes</span>
          </header>
          {status.sinks.length === 0 ? (
            <p className="body">
              No sink is configured: values stay on this edge. Add one under{' '}
              <Link to={paths.config}>Configuration</Link> to send them on.
            </p>
          ) : (
            <SinkTable sinks={status.sinks} />
          )}
        </section>
      )}
      <EdgeFacts status={status} />
    </div>
  )
}

function FirstSteps({ status }: { status: Status }) {
  const me = useMe()
  return (
    <section className="panel first-steps" aria-labelledby="first">
      <div className="body form">
        <h2 id="first">{status.config === null ? 'This edge has no configuration yet' : 'No devices are configured'}</h2>
        <ol>
          <li>Add a device: choose how it is talked to, test the connection, pick its tags. Without a device at hand, start with the example: one simulated device that works at once.</li>
          <li>Review what will change, and apply it. Nothing is saved before.</li>
          <li>Come back here: every tag shows up with its value, its quality and its age.</li>
        </ol>
        {may(me.role, 'engineer') ? (
          <div className="buttons">
            <Link className="button primary" to={paths.addDevice}>
              <Icon name="plus" />
              Add a device
            </Link>
            <Link className="button" to={`${paths.config}?starter`}>
              Start with the example
            </Link>
          </div>
        ) : (
          <p>
            Applying a configuration needs the role engineer; you are {me.role}. Ask someone who has it.{' '}
            <Link to={paths.config}>Look at the configuration</Link>
          </p>
        )}
      </div>
    </section>
  )
}

function EdgeFacts({ status }: { status: Status }) {
  const samples = status.journal.streams.find((stream) => stream.name === 'samples')
  return (
    <section className="panel" aria-labelledby="edge-facts">
      <header>
        <h2 id="edge-facts">This edge</h2>
      </header>
      <Facts
        facts={[
          ['Version', status.version],
          ['Running for', duration(status.uptime_ms)],
          [
            'Configuration',
            status.config === null ? (
              'none'
            ) : (
              <>
                <Link to={paths.revision(status.config.revision)}>revision {status.config.revision}</Link> by{' '}
                {status.config.by}, {moment(status.config.applied_at)}
              </>
            ),
          ],
          ['Clock', status.clock.synchronised ? 'synchronised' : 'not synchronised: times may be wrong'],
          ...journalFacts(status, samples),
          ['Memory', memory(status)],
        ]}
      />
    </section>
  )
}

type JournalStream = Status['journal']['streams'][number]

function journalFacts(status: Status, samples: JournalStream | undefined): [string, string][] {
  const errors = status.journal.errors
  const health =
    errors === 0
      ? 'no write errors'
      : `${plural(errors, 'write error')}${status.journal.last_error === undefined ? '' : `: ${status.journal.last_error}`}`
  if (samples === undefined) return [['Journal', health]]
  const used = samples.bytes_max > 0 ? Math.round((100 * samples.bytes) / samples.bytes_max) : 0
  return [['Journal', `${health}; samples fill ${bytes(samples.bytes)} of ${bytes(samples.bytes_max)} (${used} %)`]]
}

function memory(status: Status): string {
  return `${bytes(status.memory.anonymous_bytes)} of its own, ${bytes(status.memory.total_bytes)} with files`
}
