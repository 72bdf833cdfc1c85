/** What happened: who did what, and what devices, sinks and the edge went through; new ones come by themselves. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../api/client'
import { eventKinds, type EdgeEvent } from '../api/exchange'
import { Failure } from '../components/Failure'
import { PageHead } from '../components/PageHead'
import { useSettled } from '../hooks/useSettled'
import { useTitle } from '../hooks/useTitle'
import { withNewest, withOlder, type Kept } from '../lib/events'
import { moment } from '../lib/time'
import { Button } from '../ui/Button'
import { Icon, type IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'

const marks: Record<EdgeEvent['severity'], [MarkTone, IconName]> = {
  info: ['off', 'info'],
  warning: ['warn', 'warning'],
  error: ['bad', 'cross'],
}

const pageSize = 100

export function EventsPage() {
  useTitle('Events')
  const [search, setSearch] = useSearchParams()
  const kind = search.get('kind') ?? ''
  const text = search.get('text') ?? ''
  const [typed, setTyped] = useState(text)
  const settled = useSettled(typed)
  const change = (key: string, value: string) =>
    setSearch(
      (before) => {
        if (value === '') before.delete(key)
        else before.set(key, value)
        return before
      },
      { replace: true },
    )
  useEffect(() => {
    if (settled !== text) change('text', settled)
    // Only what was typed moves the address.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [settled])
  return (
    <div className="page">
      <PageHead title="Events" lead="Logins, changes, commands, and what devices and sinks went through. The newest first; new ones come by themselves." />
      <section className="panel" aria-label="Events">
        <div className="filters">
          <div className="search">
            <Icon name="search" />
            <input type="search" className="input" aria-label="Filter events by text" placeholder="Text, user, device" value={typed} onChange={(event) => setTyped(event.target.value)} />
          </div>
          <select className="input group-select" aria-label="Kind of event" value={kind} onChange={(event) => change('kind', event.target.value)}>
            <option value="">All kinds</option>
            {eventKinds.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </div>
        <EventList key={`${kind} ${text}`} kind={kind} text={text} />
      </section>
    </div>
  )
}

function EventList({ kind, text }: { kind: string; text: string }) {
  const [kept, setKept] = useState<Kept | undefined>()
  const newest = useQuery({
    queryKey: ['events', kind, text],
    queryFn: ({ signal }) => api.events({ kind, text, limit: pageSize }, signal),
    refetchInterval: 2_000,
    staleTime: 0,
    gcTime: 0,
  })
  const older = useMutation({
    mutationFn: (before: number) => api.events({ kind, text, before, limit: pageSize }),
    onSuccess: (page) => setKept((now) => (now === undefined ? now : withOlder(now, page))),
  })
  useEffect(() => {
    const page = newest.data
    if (page !== undefined) setKept((now) => withNewest(now, page))
  }, [newest.data])
  const next = kept?.next ?? null
  return (
    <>
      {newest.error !== null && (
        <div className="body">
          <Failure error={newest.error} />
        </div>
      )}
      {kept === undefined && newest.error === null && <p className="body muted">Asking the edge…</p>}
      {kept !== undefined && kept.items.length === 0 && (
        <p className="body">
          {next !== null ? 'None of the newest events matches. Older ones may.' : kind !== '' || text !== '' ? 'No event matches these filters.' : 'Nothing has happened yet.'}
        </p>
      )}
      {kept !== undefined && kept.items.length > 0 && (
        <table className="table events">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">Kind</th>
              <th scope="col">About</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {kept.items.map((event) => (
              <EventRow key={event.seq} event={event} />
            ))}
          </tbody>
        </table>
      )}
      {older.error !== null && (
        <div className="body">
          <Failure error={older.error} />
        </div>
      )}
      {next !== null && (
        <div className="pager">
          <Button icon="right" busy={older.isPending} onClick={() => older.mutate(next)}>
            Older events
          </Button>
        </div>
      )}
    </>
  )
}

function EventRow({ event }: { event: EdgeEvent }) {
  const [tone, icon] = marks[event.severity]
  return (
    <tr className={event.severity}>
      <td className="event-time">
        <time dateTime={event.at}>{moment(event.at)}</time>
      </td>
      <th scope="row" className="event-text">
        {event.severity === 'info' ? (
          <span>{event.text}</span>
        ) : (
          <>
            <Mark tone={tone} icon={icon}>
              {event.severity}
            </Mark>{' '}
            <span>{event.text}</span>
          </>
        )}
      </th>
      <td className="muted" data-label="kind">
        {event.kind}
      </td>
      <td className="muted" data-label="about">
        {event.subject ?? ''}
      </td>
      <td className="muted" data-label="by">
        {event.by ?? ''}
      </td>
    </tr>
  )
}
