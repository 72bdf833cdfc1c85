/** Alarms as they are now, and what operators do about them. Filters and page are in the address. */
import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { alarmPriorities, alarmStates, type Alarm, type AlarmAction, type AlarmAnswer } from '../../api/alarms'
import { api } from '../../api/client'
import { alarmsQuery, devicesQuery, queryClient, statusQuery } from '../../api/queries'
import { AlarmActions, type Told } from '../../components/AlarmActions'
import { AlarmTable } from '../../components/AlarmTable'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { AlarmTabs } from '../../components/Tabs'
import { OperateAlarms } from '../../forms/OperateAlarms'
import { useMe } from '../../hooks/useMe'
import { useSettled } from '../../hooks/useSettled'
import { useTitle } from '../../hooks/useTitle'
import { actionWords, alarmFilter, alarmPageSize, allows, countWords, doneWords, keyOf, nameOf, pageOf, stateWords } from '../../lib/alarms'
import { count, plural } from '../../lib/numbers'
import { may, whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Icon } from '../../ui/Icon'
import { NoAlarms } from './NoAlarms'

export function AlarmsPage() {
  useTitle('Alarms')
  const counts = useSuspenseQuery(statusQuery).data.alarms
  const [search] = useSearchParams()
  const me = useMe()
  const cannot = whyNot(me.role, 'operator', 'Acknowledging and shelving')
  const { state, priority, device, text, offset } = alarmFilter(search)
  return (
    <div className="page">
      <PageHead title="Alarms" lead={counts.total === 0 ? 'What somebody must hear of: a value beyond its limit, a machine that stands still.' : countWords(counts)}>
        {counts.total > 0 && may(me.role, 'engineer') && (
          <Link className="button primary" to={paths.newAlarm}>
            <Icon name="plus" />
            New alarm
          </Link>
        )}
      </PageHead>
      <AlarmTabs />
      {counts.total === 0 ? (
        <NoAlarms />
      ) : (
        <>
          {cannot !== undefined && <p className="muted small">{cannot}</p>}
          <section className="panel" aria-label="Alarms">
            <Filters />
            <AlarmList key={[state, priority, device, text, offset].join(' ')} />
          </section>
        </>
      )}
    </div>
  )
}

/** Puts parts of the filter into the address; another filter begins at the first page. */
export function useFilter() {
  const [search, setSearch] = useSearchParams()
  const change = (key: string, value: string) =>
    setSearch(
      (before) => {
        if (value === '') before.delete(key)
        else before.set(key, value)
        if (key !== 'page') before.delete('page')
        return before
      },
      { replace: true },
    )
  return [search, change] as const
}

export function DeviceSelect({ device, onDevice }: { device: string; onDevice: (device: string) => void }) {
  const { data } = useQuery({ ...devicesQuery, refetchInterval: false })
  const names = (data?.items ?? []).map((each) => each.name)
  return (
    <select className="input group-select" aria-label="Device" value={device} onChange={(event) => onDevice(event.target.value)}>
      <option value="">All devices</option>
      {/* One that is gone from the configuration can still be asked for. */}
      {(device === '' || names.includes(device) ? names : [device, ...names]).map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  )
}

function Filters() {
  const [search, change] = useFilter()
  const text = search.get('text') ?? ''
  const [typed, setTyped] = useState(text)
  const settled = useSettled(typed)
  useEffect(() => {
    if (settled !== text) change('text', settled)
    // Only what was typed moves the address.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [settled])
  return (
    <div className="filters alarm-filters">
      <div className="search">
        <Icon name="search" />
        <input type="search" className="input" aria-label="Filter alarms by text" placeholder="Name, tag, text" value={typed} onChange={(event) => setTyped(event.target.value)} />
      </div>
      <select className="input group-select" aria-label="State" value={search.get('state') ?? 'open'} onChange={(event) => change('state', event.target.value === 'open' ? '' : event.target.value)}>
        <option value="open">Open</option>
        <option value="all">All states</option>
        {alarmStates.map((each) => (
          <option key={each} value={each}>
            {stateWords[each]}
          </option>
        ))}
      </select>
      <select className="input group-select" aria-label="Priority" value={search.get('priority') ?? ''} onChange={(event) => change('priority', event.target.value)}>
        <option value="">All priorities</option>
        {alarmPriorities.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      <DeviceSelect device={search.get('device') ?? ''} onDevice={(device) => change('device', device)} />
    </div>
  )
}

const isStale = () => Promise.all([['alarms'], ['alarm-changes'], ['status']].map((queryKey) => queryClient.invalidateQueries({ queryKey })))

function AlarmList() {
  const [search, change] = useFilter()
  const page = pageOf(search)
  const { data, error } = useQuery(alarmsQuery(alarmFilter(search)))
  const mayAct = may(useMe().role, 'operator')
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set())
  const [asking, setAsking] = useState<{ action: AlarmAction; alarms: Alarm[] } | undefined>()
  const [told, setTold] = useState<Told | undefined>()
  const actions = useRef<HTMLDivElement>(null)
  const items = data?.items ?? []
  const total = data?.total ?? 0
  // What is no longer shown is no longer chosen.
  const chosen = items.filter((alarm) => turned.has(keyOf(alarm)))

  const tell = async (action: AlarmAction, answer: AlarmAnswer) => {
    await isStale()
    setAsking(undefined)
    setTurned(new Set(answer.refused.map(keyOf)))
    setTold({ words: doneWords(action, answer), refused: answer.refused, last: answer.done[0] ?? answer.refused[0] })
  }
  const operate = useMutation({
    mutationFn: ({ action, alarms }: { action: AlarmAction; alarms: Alarm[] }) => api.operateAlarms(action, { alarms: alarms.map(nameOf) }),
    onMutate: () => setTold(undefined),
    onSuccess: (answer, { action }) => tell(action, answer),
  })
  useKeptFocus(actions, told)
  const actOn = (action: AlarmAction, alarms: Alarm[]) => {
    const allowed = alarms.filter((alarm) => allows(alarm, action))
    if (operate.isPending) return
    if (actionWords[action].asks) setAsking({ action, alarms: allowed })
    else operate.mutate({ action, alarms: allowed })
  }
  const turn = (keys: string[], on: boolean) => {
    // A refusal stays until it is closed.
    setTold((before) => (before === undefined || before.refused.length === 0 ? undefined : { ...before, words: '' }))
    setTurned((before) => {
      const after = new Set(before)
      for (const key of keys) {
        if (on) after.add(key)
        else after.delete(key)
      }
      return after
    })
  }
  const one = operate.isPending && operate.variables.alarms.length === 1 ? operate.variables.alarms[0] : undefined
  return (
    <>
      {error !== null && (
        <div className="body">
          <Failure error={error} />
        </div>
      )}
      {data === undefined && error === null && <p className="body muted">Asking the edge…</p>}
      {data !== undefined && items.length === 0 && <NothingFound search={search} />}
      {items.length > 0 && (
        <AlarmTable
          alarms={items}
          chosen={new Set(chosen.map(keyOf))}
          act={
            mayAct
              ? {
                  busy: one === undefined ? undefined : keyOf(one),
                  onTurn: (key) => turn([key], !turned.has(key)),
                  onTurnPage: () => turn(items.map(keyOf), chosen.length < items.length),
                  // The one beside an alarm acts at once; with a comment it goes by choosing.
                  onAct: (alarm, action) => {
                    if (!operate.isPending) operate.mutate({ action, alarms: [alarm] })
                  },
                }
              : undefined
          }
        />
      )}
      <Pager label="Pages of alarms" page={page} size={alarmPageSize} total={total} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
      {mayAct && data !== undefined && (
        <AlarmActions ref={actions} chosen={chosen} busy={operate.isPending ? operate.variables.action : undefined} error={operate.error} told={told} onAct={actOn} onNone={() => setTurned(new Set())} onHeard={() => setTold(undefined)} />
      )}
      {asking !== undefined && <OperateAlarms {...asking} onClose={() => setAsking(undefined)} onDone={(answer) => tell(asking.action, answer)} />}
    </>
  )
}

/** A button that an act has taken away leaves the focus to its alarm, or where that is gone too, to what is told. */
function useKeptFocus(actions: React.RefObject<HTMLDivElement | null>, told: Told | undefined) {
  useEffect(() => {
    if (told === undefined || (document.activeElement !== document.body && document.activeElement !== null)) return
    const key = told.last === undefined ? '' : keyOf(told.last)
    const box = document.querySelector(`[data-alarm="${CSS.escape(key)}"]`)
    if (box instanceof HTMLElement) box.focus({ preventScroll: true })
    else actions.current?.focus({ preventScroll: true })
  }, [actions, told])
}

function NothingFound({ search }: { search: URLSearchParams }) {
  const counts = useSuspenseQuery(statusQuery).data.alarms
  const filtered = ['priority', 'device', 'text'].some((key) => search.has(key))
  if (pageOf(search) > 0) return <p className="body">This page is empty by now: go back to the first.</p>
  if (filtered || search.has('state')) return <p className="body">No alarm matches these filters.</p>
  const aside = counts.shelved + counts.suppressed + counts.out_of_service
  return (
    <div className="body empty">
      <h2>No alarm is open</h2>
      <p>
        {plural(counts.total, 'alarm is', 'alarms are')} watched{aside > 0 && `; ${count(aside)} of them ${aside === 1 ? 'is' : 'are'} put aside`}. New ones show up here by themselves.
      </p>
      <Link to={paths.alarmsInState('all')}>See all alarms that are watched</Link>
    </div>
  )
}
