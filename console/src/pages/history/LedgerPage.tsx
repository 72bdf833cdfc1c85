/** Is anything missing, where, since when, why, and what is being done: the account of a time. All of it is in the address. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import type { Ledger } from '../../api/ledger'
import { devicesQuery, ledgerQuery, statusQuery } from '../../api/queries'
import { DeviationTable } from '../../components/DeviationTable'
import { Failure } from '../../components/Failure'
import { LedgerBalance } from '../../components/LedgerBalance'
import { LedgerChart } from '../../components/LedgerChart'
import { LedgerGroups } from '../../components/LedgerGroups'
import { LedgerIntervals } from '../../components/LedgerIntervals'
import { LedgerSinks } from '../../components/LedgerSinks'
import { PageHead } from '../../components/PageHead'
import { HistoryTabs } from '../../components/Tabs'
import { useTitle } from '../../hooks/useTitle'
import { useClockOffset } from '../../hooks/useTraces'
import { download } from '../../lib/download'
import { ledgerCsv, ledgerRange, ledgerSpans, verdictOf, worstSink } from '../../lib/ledger'
import { moment } from '../../lib/time'
import { withRange, type Range, type View } from '../../lib/trend'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Icon, type IconName } from '../../ui/Icon'
import { Notice, type Tone } from '../../ui/Notice'
import { OwnRange } from './OwnRange'

export function LedgerPage() {
  const [search, setSearch] = useSearchParams()
  const range = useMemo(() => ledgerRange(search), [search])
  const device = search.get('device') ?? ''
  const page = Math.max(0, Math.floor(Number(search.get('page') ?? '1')) - 1 || 0)
  const offsetMs = useClockOffset()
  const { data: ledger, error, isPlaceholderData, isFetching, refetch } = useQuery(ledgerQuery(range, device, offsetMs))
  useTitle('Ledger')
  const change = (key: string, value: string) =>
    setSearch(
      (before) => {
        if (value === '') before.delete(key)
        else before.set(key, value)
        if (key === 'device') before.delete('page')
        return before
      },
      { replace: true },
    )
  const go = (next: Range) =>
    setSearch((before) => {
      const after = withRange(before, next)
      after.delete('page')
      return after
    })
  return (
    <div className="page">
      <PageHead title="Ledger" lead="What was expected, kept and delivered; what is missing, why, and what is being done about it." />
      <HistoryTabs />
      <RangeTools range={range} device={device} ledger={ledger} onRange={go} onDevice={(next) => change('device', next)} />
      {error !== null && (
        <div className="form">
          <Failure error={error} />
          <div>
            <Button icon="turning" busy={isFetching} onClick={() => void refetch()}>
              Try again
            </Button>
          </div>
        </div>
      )}
      {isPlaceholderData && <p className="visually-hidden" role="status">Asking the edge…</p>}
      {ledger === undefined && error === null && <p className="muted">Asking the edge…</p>}
      {ledger?.known_from === null && <FirstSteps />}
      {ledger !== undefined && ledger.known_from !== null && (error === null || !isPlaceholderData) && (
        <div className={`ledger-shown ${isPlaceholderData ? 'is-waiting' : ''}`} aria-busy={isPlaceholderData}>
          <Shown ledger={ledger} range={range} search={search} onSink={(sink) => change('sink', sink)} />
          <LedgerGroups range={range} device={device} offsetMs={offsetMs} page={page} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
        </div>
      )}
    </div>
  )
}

interface ToolsProps {
  range: Range
  device: string
  ledger: Ledger | undefined
  onRange: (range: Range) => void
  onDevice: (device: string) => void
}

function RangeTools({ range, device, ledger, onRange, onDevice }: ToolsProps) {
  const names = useDeviceNames(device)
  const [opened] = useState(() => Date.now())
  const view: View = range.live ? { from: ledger === undefined ? opened - range.spanMs : Date.parse(ledger.from), to: ledger === undefined ? opened : Date.parse(ledger.to) } : range
  return (
    <div className="ledger-tools">
      <fieldset className="segments">
        <legend className="visually-hidden">Time shown</legend>
        {ledgerSpans.map(([key, label, spanMs]) => (
          <label key={key}>
            <input type="radio" name="span" checked={range.live && range.key === key} onChange={() => onRange({ live: true, key, spanMs })} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <OwnRange view={view} own={!range.live} onRange={(next) => onRange({ live: false, ...next })} />
      <select className="input group-select" aria-label="Device" value={device} onChange={(event) => onDevice(event.target.value)}>
        <option value="">All devices</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <Button icon="download" onClick={() => ledger !== undefined && download(fileName(ledger), ledgerCsv(ledger), 'text/csv')} whyNot={ledger === undefined ? 'The ledger is on its way.' : ledger.intervals.length === 0 ? 'There is no interval to export.' : undefined}>
        Export CSV
      </Button>
    </div>
  )
}

function useDeviceNames(chosen: string): string[] {
  const { data } = useQuery({ ...devicesQuery, refetchInterval: false })
  const names = (data?.items ?? []).map((each) => each.name)
  // One that is gone from the configuration can still be asked for.
  return chosen === '' || names.includes(chosen) ? names : [chosen, ...names]
}

interface ShownProps {
  ledger: Ledger
  range: Range
  search: URLSearchParams
  onSink: (sink: string) => void
}

function Shown({ ledger, range, search, onSink }: ShownProps) {
  const asked = search.get('sink')
  const sink = ledger.sinks.some((each) => each.sink === asked) ? (asked ?? undefined) : worstSink(ledger.sinks)
  const closer = ({ from, to }: { from: string; to: string }) => {
    const air = Math.max(120_000, (Date.parse(to) - Date.parse(from)) / 2)
    return `${paths.ledger}?${withRange(search, { live: false, from: Date.parse(from) - air, to: Date.parse(to) + air })}`
  }
  return (
    <>
      <VerdictHead ledger={ledger} range={range} />
      {ledger.known_from !== null && Date.parse(ledger.known_from) > Date.parse(ledger.from) + 60_000 && (
        <Notice tone="info" title={`The ledger begins at ${moment(ledger.known_from)}.`}>
          <span>What was before is not counted here.</span>
        </Notice>
      )}
      <section className="panel" aria-labelledby="ledger-time">
        <header>
          <h2 id="ledger-time">Over time</h2>
          {ledger.sinks.length > 1 && (
            <label className="rows-most">
              On the way to{' '}
              <select className="input" value={sink} onChange={(event) => onSink(event.target.value)}>
                {ledger.sinks.map((each) => (
                  <option key={each.sink}>{each.sink}</option>
                ))}
              </select>
            </label>
          )}
        </header>
        <LedgerChart ledger={ledger} sink={sink} />
        <LedgerIntervals ledger={ledger} sink={sink} />
      </section>
      <LedgerBalance account={ledger.account} />
      <section className="panel" aria-labelledby="ledger-deviations">
        <header>
          <h2 id="ledger-deviations">What went wrong</h2>
          <span className="muted small">the newest first</span>
        </header>
        {ledger.deviations.length === 0 ? <p className="body">Nothing in this time.</p> : <DeviationTable deviations={ledger.deviations} more={ledger.more_deviations} closer={closer} />}
      </section>
      <section className="panel" aria-labelledby="ledger-sinks">
        <header>
          <h2 id="ledger-sinks">Sinks</h2>
          <span className="muted small">what became of stored samples on their way</span>
        </header>
        {ledger.sinks.length === 0 ? (
          <p className="body">
            No sink is configured: samples stay on this edge. Add one under <Link to={paths.config}>Configuration</Link> to send them on.
          </p>
        ) : (
          <LedgerSinks sinks={ledger.sinks} />
        )}
      </section>
    </>
  )
}

const icons: Record<Tone, IconName> = { good: 'check', warn: 'warning', bad: 'cross', info: 'info' }

function VerdictHead({ ledger, range }: { ledger: Ledger; range: Range }) {
  const status = useSuspenseQuery(statusQuery).data
  const verdict = verdictOf(ledger, range, Date.parse(status.now))
  return (
    <section className="health" aria-labelledby="verdict">
      <div className={`health-head ${verdict.tone}`}>
        <Icon name={icons[verdict.tone]} />
        <div>
          <h2 id="verdict">{verdict.title}</h2>
          <p className="visually-hidden" role="status">
            {verdict.spoken}
          </p>
          {verdict.why !== '' && <p>{verdict.why}</p>}
          {verdict.figures !== '' && <p>{verdict.figures}</p>}
        </div>
      </div>
    </section>
  )
}

function FirstSteps() {
  const status = useSuspenseQuery(statusQuery).data
  return (
    <section className="panel" aria-label="Ledger">
      <div className="body empty">
        <h2>Nothing is in the ledger yet</h2>
        {status.tags.total === 0 ? (
          <>
            <p>This edge has no tags, so nothing is expected of it. Add a device first; from then on every sample that is due is accounted for here.</p>
            <Link className="button primary" to={paths.addDevice}>
              Add a device
            </Link>
          </>
        ) : (
          <p>The account begins with the first samples; it is here within a minute of them. Look at the devices if it stays empty.</p>
        )}
      </div>
    </section>
  )
}

const stamp = (time: string) => new Date(time).toISOString().slice(0, 19).replaceAll(':', '')

function fileName({ from, to }: Ledger): string {
  return `ledger-${stamp(from)}Z-${stamp(to)}Z.csv`
}
