/** What became of alarms, the newest first: what was raised, and who did what and why. */
import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link } from 'react-router'

import { alarmChangeKinds, type AlarmChange, type AlarmChangeFilter } from '../../api/alarms'
import { api } from '../../api/client'
import { statusQuery } from '../../api/queries'
import { ChangeMark, PriorityMark } from '../../components/alarmMarks'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { AlarmTabs } from '../../components/Tabs'
import { useTitle } from '../../hooks/useTitle'
import { changeWords, countedWords, shownValue } from '../../lib/alarms'
import { withNewest, withOlder, type Kept } from '../../lib/events'
import { moment } from '../../lib/time'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { DeviceSelect, useFilter } from './AlarmsPage'
import { NoAlarms } from './NoAlarms'

const pageSize = 100

export function AlarmHistoryPage() {
  useTitle('History of alarms')
  const { total } = useSuspenseQuery(statusQuery).data.alarms
  const [search, change] = useFilter()
  const part = (key: string) => search.get(key) ?? ''
  const filter = { alarm: part('alarm'), device: part('device'), tag: part('tag'), kind: part('kind') }
  const filtered = Object.values(filter).some((each) => each !== '')
  return (
    <div className="page">
      <PageHead title="Alarms" lead="What was raised and what was over, who did what and why. The newest first; new ones come by themselves." />
      <AlarmTabs />
      <section className="panel" aria-label="History of alarms">
        <div className="filters alarm-filters">
          <select className="input group-select" aria-label="Kind of change" value={filter.kind} onChange={(event) => change('kind', event.target.value)}>
            <option value="">All changes</option>
            {alarmChangeKinds.map((each) => (
              <option key={each} value={each}>
                {changeWords[each]}
              </option>
            ))}
          </select>
          <DeviceSelect device={filter.device} onDevice={(device) => change('device', device)} />
          {[['alarm', filter.alarm], ['tag', filter.tag]].map(
            ([key = '', value = '']) =>
              value !== '' && (
                <Button key={key} icon="close" onClick={() => change(key, '')}>
                  <span className="visually-hidden">Show all again, not only </span>
                  {key} {value}
                </Button>
              ),
          )}
        </div>
        <ChangeList key={Object.values(filter).join(' ')} filter={filter} none={filtered ? 'No change matches these filters.' : 'Nothing has happened yet. What becomes of alarms shows up here by itself.'} />
      </section>
      {total === 0 && <NoAlarms />}
    </div>
  )
}

function ChangeList({ filter, none }: { filter: Omit<AlarmChangeFilter, 'before' | 'limit'>; none: string }) {
  const [kept, setKept] = useState<Kept<AlarmChange> | undefined>()
  const newest = useQuery({
    queryKey: ['alarm-changes', filter],
    queryFn: ({ signal }) => api.alarmChanges({ ...filter, limit: pageSize }, signal),
    refetchInterval: 2_000,
    staleTime: 0,
    gcTime: 0,
  })
  const older = useMutation({
    mutationFn: (before: number) => api.alarmChanges({ ...filter, before, limit: pageSize }),
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
      {kept !== undefined && kept.items.length === 0 && <p className="body">{none}</p>}
      {kept !== undefined && kept.items.length > 0 && (
        <table className="table row-cards alarm-changes">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">Alarm</th>
              <th scope="col">Tag</th>
              <th scope="col" className="number">
                Value
              </th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {kept.items.map((change) => (
              <ChangeRow key={change.seq} change={change} />
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
            Older changes
          </Button>
        </div>
      )}
    </>
  )
}

const happens: readonly AlarmChange['kind'][] = ['raised', 'cleared']

function ChangeRow({ change }: { change: AlarmChange }) {
  return (
    <tr>
      <td className="event-time">
        <time dateTime={change.at}>{moment(change.at)}</time>
      </td>
      <td className="change-kind">
        <ChangeMark kind={change.kind} />
        {!change.announced && happens.includes(change.kind) && <span className="sub">while it was put aside</span>}
        {countedWords(change) !== '' && <span className="sub">{countedWords(change)}</span>}
      </td>
      <th scope="row" className="alarm-name">
        {change.state === null ? 'All alarms together' : (change.text ?? change.name)}
        {change.state !== null && (
          <span className="sub">
            {change.text !== null && `${change.name}, `}
            <PriorityMark priority={change.priority} />
          </span>
        )}
      </th>
      <td className="alarm-tag">
        {change.state !== null && (
          <Link to={paths.tag(change.device, change.tag)}>
            {change.device} / {change.tag}
          </Link>
        )}
      </td>
      <td className="number" data-label="value">
        {happens.includes(change.kind) || change.value_text !== null ? shownValue(change.value_text, change.unit) : ''}
      </td>
      <td className="change-by" data-label="by">
        {change.by ?? <span className="muted">by itself</span>}
        {change.comment !== null && <span className="change-comment">{change.comment}</span>}
      </td>
    </tr>
  )
}
