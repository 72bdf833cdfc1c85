/** How much is kept, of what, for how long it lasts, and what to do when space is short. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import type { RollupStorage, Storage, TagStorage } from '../../api/history'
import { storageQuery, tagStorageQuery } from '../../api/queries'
import { Facts } from '../../components/Facts'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { HistoryTabs } from '../../components/Tabs'
import { ExportHistory } from '../../forms/ExportHistory'
import { useSettled } from '../../hooks/useSettled'
import { useTitle } from '../../hooks/useTitle'
import { bytes, count, plural } from '../../lib/numbers'
import { adviceOn, daysLeft } from '../../lib/storage'
import { moment } from '../../lib/time'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Mark } from '../../ui/Mark'
import { Notice } from '../../ui/Notice'

export function StoragePage() {
  useTitle('Storage')
  // Keeps it polled while the page is shown.
  useQuery(storageQuery)
  const storage = useSuspenseQuery(storageQuery).data
  const advice = adviceOn(storage)
  const [exporting, setExporting] = useState(false)
  return (
    <div className="page">
      <PageHead title="Storage" lead="What is kept on this edge, and how long the room for it lasts.">
        <Button icon="download" onClick={() => setExporting(true)} whyNot={storage.history.samples === 0 ? 'Nothing is kept yet.' : undefined}>
          Export history
        </Button>
      </PageHead>
      <HistoryTabs />
      {advice.map((each) => (
        <Notice key={each.title} tone={each.tone} title={each.title}>
          <span>{each.text}</span>
        </Notice>
      ))}
      <div className="storage-grid">
        <History storage={storage} />
        <div className="storage-column">
          <Journal storage={storage} />
          <MakeRoom />
        </div>
      </div>
      <Tags />
      {exporting && <ExportHistory oldest={storage.history.oldest} onClose={() => setExporting(false)} />}
    </div>
  )
}

function History({ storage: { history, disk } }: { storage: Storage }) {
  return (
    <section className="panel" aria-labelledby="storage-history">
      <header>
        <h2 id="storage-history">History</h2>
        {history.samples > 0 && <span className="muted">{plural(history.samples, 'sample')}</span>}
      </header>
      <div className="body form">
        <Fill label="History" used={history.bytes} most={history.limit_bytes} />
        {history.samples === 0 && <p>Nothing is kept yet. Samples of tags come here from the journal, a few minutes after they were read.</p>}
        <Facts
          facts={[
            ['Lasts for', history.days_left === null ? daysLeft(null) : <strong key="left">{daysLeft(history.days_left)}</strong>],
            ['Grows by', history.bytes_per_day === null ? 'not known yet' : `${bytes(history.bytes_per_day)} a day`],
            ['Bytes per sample', history.bytes_per_sample === null ? '–' : history.bytes_per_sample.toFixed(2)],
            ['Oldest', history.oldest === null ? '–' : moment(history.oldest)],
            ['Newest in files', history.newest === null ? '–' : moment(history.newest)],
            ['Waiting in the journal', plural(history.waiting_samples, 'sample')],
            ['Rollups', rollups(history.rollups)],
            ['Files', count(history.segments)],
            ['Free on the disk', bytes(disk.free_bytes)],
          ]}
        />
      </div>
    </section>
  )
}

function Journal({ storage: { journal } }: { storage: Storage }) {
  return (
    <section className="panel" aria-labelledby="storage-journal">
      <header>
        <h2 id="storage-journal">Journal</h2>
        <span className="muted">{journal.errors === 0 ? 'no errors' : plural(journal.errors, 'error')}</span>
      </header>
      <div className="body form">
        <p className="small muted">What was just read, and what sinks have not taken yet. It never grows past its bounds.</p>
        {journal.streams.map((stream) => (
          <Fill key={stream.name} label={stream.name} used={stream.bytes} most={stream.bytes_max} />
        ))}
      </div>
    </section>
  )
}

function Fill({ label, used, most }: { label: string; used: number; most: number }) {
  const share = most === 0 ? 0 : Math.min(1, used / most)
  const text = `${bytes(used)} of ${bytes(most)}`
  return (
    <div className="fill">
      <span className="fill-text">
        <strong>{label}</strong>
        <span>
          {text} <span className="muted">({share > 0 && share < 0.01 ? 'less than 1' : Math.round(share * 100)} %)</span>
        </span>
      </span>
      <span className="fill-bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} aria-valuetext={text}>
        <span className={share > 0.95 ? 'nearly-full' : ''} style={{ width: `${Math.max(share * 100, used > 0 ? 0.5 : 0)}%` }} />
      </span>
    </div>
  )
}

const pageSize = 25

function Tags() {
  const [search, setSearch] = useSearchParams()
  const filter = search.get('filter') ?? ''
  const page = Math.max(0, Math.floor(Number(search.get('page') ?? '1')) - 1 || 0)
  const [typed, setTyped] = useState(filter)
  const settled = useSettled(typed, 250)
  const tags = useQuery(tagStorageQuery(filter, page * pageSize, pageSize))
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
  useEffect(() => {
    if (settled !== filter) change('filter', settled)
    // Only what was typed moves the address.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [settled])
  const total = tags.data?.total ?? 0
  const largest = tags.data?.items[0]?.bytes ?? 0
  return (
    <section className="panel" aria-labelledby="storage-tags">
      <header>
        <h2 id="storage-tags">Tags by size</h2>
        <span className="muted small" role="status">
          {tags.data === undefined ? 'asking the edge…' : filter === '' ? plural(total, 'tag') : `${count(total)} match`}
        </span>
      </header>
      <div className="filters">
        <div className="search">
          <Icon name="search" />
          <input type="search" className="input" aria-label="Filter tags by device or name" placeholder="Device or tag" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </div>
      </div>
      {tags.error !== null && tags.data === undefined && (
        <div className="body">
          <Failure error={tags.error} />
        </div>
      )}
      {tags.data !== undefined && tags.data.items.length === 0 && <p className="body">{filter === '' ? 'No tag has any history yet.' : 'No tag matches this filter.'}</p>}
      {tags.data !== undefined && tags.data.items.length > 0 && (
        <table className="table storage-table">
          <thead>
            <tr>
              <th scope="col">Tag</th>
              <th scope="col" className="number">
                Size
              </th>
              <th scope="col" className="number">
                Samples
              </th>
              <th scope="col" className="number">
                Bytes per sample
              </th>
              <th scope="col">Type</th>
              <th scope="col">From</th>
              <th scope="col">Until</th>
            </tr>
          </thead>
          <tbody>
            {tags.data.items.map((tag) => (
              <TagRow key={`${tag.device}/${tag.tag}`} tag={tag} largest={largest} />
            ))}
          </tbody>
        </table>
      )}
      <Pager label="Pages of tags" page={page} size={pageSize} total={total} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
    </section>
  )
}

function TagRow({ tag, largest }: { tag: TagStorage; largest: number }) {
  return (
    <tr>
      <th scope="row">
        <Link to={paths.trendsOf(tag.device, tag.tag, '30d')}>{tag.tag}</Link>
        <span className="sub">{tag.device}</span>
        {!tag.configured && (
          <Mark tone="off" icon="off">
            no longer configured
          </Mark>
        )}
      </th>
      <td className="number" data-label="size">
        {bytes(tag.bytes)}
        <span className="size-bar" aria-hidden="true">
          <span style={{ width: `${largest === 0 ? 0 : (100 * tag.bytes) / largest}%` }} />
        </span>
      </td>
      <td className="number" data-label="samples">
        {count(tag.samples)}
      </td>
      <td className="number" data-label="bytes per sample">
        {tag.bytes_per_sample === null ? '–' : tag.bytes_per_sample.toFixed(2)}
      </td>
      <td className="muted" data-label="type">
        {tag.type}
        {tag.unit !== undefined && `, ${tag.unit}`}
      </td>
      <td className="muted" data-label="from">
        {tag.oldest === null ? '–' : moment(tag.oldest)}
      </td>
      <td className="muted" data-label="until">
        {tag.newest === null ? '–' : moment(tag.newest)}
      </td>
    </tr>
  )
}

function MakeRoom() {
  return (
    <section className="panel" aria-labelledby="storage-room">
      <header>
        <h2 id="storage-room">When space is short</h2>
      </header>
      <ol className="body make-room">
        <li>
          Look at the largest tags below. One that only trembles costs as much as one that works: give it a deadband, or <Link to={paths.config}>read its group less often</Link>.
        </li>
        <li>Full-precision floats take the most. A scale or a deadband that drops digits which mean nothing makes them several times smaller.</li>
        <li>
          Leave out tags that nobody asks for. <Link to={paths.trends}>Trends</Link> and <Link to={paths.sql}>SQL</Link> show what they say before you do.
        </li>
        <li>Export what must be kept for years (above), then let the history keep a shorter time; or give it more room and a larger disk.</li>
      </ol>
    </section>
  )
}

/** What stands for samples that are gone. */
function rollups({ minute_bytes, hour_bytes, day_bytes }: RollupStorage): string {
  const parts = [
    ['minutes', minute_bytes],
    ['hours', hour_bytes],
    ['days', day_bytes]
  ] as const
  const there = parts.filter(([, size]) => size > 0).map(([name, size]) => `${name} ${bytes(size)}`)
  return there.length === 0 ? 'none, every sample is there' : there.join(', ')
}
