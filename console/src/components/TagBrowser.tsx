/** The tags of a device: filtered and paged by the edge, with live values. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { tagsQuery } from '../api/queries'
import type { Device, Tag } from '../api/types'
import { count, plural } from '../lib/numbers'
import { interval } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Failure } from './Failure'
import { TagTable } from './TagTable'

const pageSize = 50

const qualities = ['', 'good', 'uncertain', 'bad', 'stale'] as const

export function TagBrowser({ device }: { device: Device }) {
  const [search, setSearch] = useSearchParams()
  const filter = search.get('filter') ?? ''
  const quality = search.get('quality') ?? ''
  const group = search.get('group') ?? ''
  const page = Math.max(0, Math.floor(Number(search.get('page') ?? '1')) - 1 || 0)
  const tags = useQuery(
    tagsQuery(device.name, {
      offset: page * pageSize,
      limit: pageSize,
      filter: filter || undefined,
      quality: quality || undefined,
      group: group || undefined,
    }),
  )

  const wrong = device.tags.bad + device.tags.uncertain
  const first = useBadFirst(device.name, wrong > 0 && page === 0 && filter === '' && quality === '' && group === '')
  const shown = first.length === 0 ? tags.data?.items : [...first, ...(tags.data?.items ?? []).filter((tag) => !first.some((each) => each.name === tag.name))]

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
  const filtered = filter !== '' || quality !== '' || group !== ''
  const total = tags.data?.total ?? 0
  return (
    <section className="panel tag-browser" aria-labelledby="tags">
      <header>
        <h2 id="tags">Tags</h2>
        <span className="muted small" role="status">
          {tags.data === undefined
            ? 'asking the edge…'
            : filtered
              ? `${count(total)} of ${plural(device.tags.total, 'tag')} match`
              : plural(total, 'tag')}
        </span>
      </header>
      <div className="filters">
        <FilterBox value={filter} onChange={(value) => change('filter', value)} />
        <fieldset className="segments">
          <legend className="visually-hidden">Quality</legend>
          {qualities.map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="quality"
                checked={quality === each}
                onChange={() => change('quality', each)}
              />
              <span>
                {each === '' ? 'all' : each}
                {each !== '' && <small>{count(device.tags[each])}</small>}
              </span>
            </label>
          ))}
        </fieldset>
        {device.groups.length > 1 && (
          <select
            className="input group-select"
            aria-label="Group"
            value={group}
            onChange={(event) => change('group', event.target.value)}
          >
            <option value="">All groups</option>
            {device.groups.map((each) => (
              <option key={each.name} value={each.name}>
                {each.name}, every {interval(each.interval_ms)}
              </option>
            ))}
          </select>
        )}
      </div>
      {tags.error !== null && tags.data === undefined && (
        <div className="body">
          <Failure error={tags.error} />
        </div>
      )}
      {first.length > 0 && <p className="small muted first-note">{plural(first.length, 'tag')} without a good value first.</p>}
      {shown !== undefined && shown.length > 0 && <TagTable tags={shown} listedAt={tags.dataUpdatedAt} />}
      {tags.data !== undefined && tags.data.items.length === 0 && (
        <div className="body empty">
          {filtered ? (
            <>
              <p>
                {quality !== '' && filter === '' && group === ''
                  ? `No tag of ${device.name} is ${quality} now.`
                  : 'No tag matches these filters.'}
              </p>
              <Button
                onClick={() =>
                  setSearch(
                    (before) => {
                      for (const key of ['filter', 'quality', 'group', 'page']) before.delete(key)
                      return before
                    },
                    { replace: true },
                  )
                }
              >
                Show all tags
              </Button>
            </>
          ) : (
            <>
              <p>This device has no tags yet.</p>
              <Link className="button primary" to={paths.addTags(device.name)}>
                Add tags
              </Link>
            </>
          )}
        </div>
      )}
      {total > pageSize && <Pager page={page} total={total} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />}
    </section>
  )
}

/** Tags that are not good, for the top of the first page; the edge lists tags as the document has them. */
function useBadFirst(device: string, on: boolean): Tag[] {
  const bad = useQuery({ ...tagsQuery(device, { limit: pageSize, quality: 'bad' }), enabled: on })
  const uncertain = useQuery({ ...tagsQuery(device, { limit: pageSize, quality: 'uncertain' }), enabled: on })
  return on ? [...(bad.data?.items ?? []), ...(uncertain.data?.items ?? [])] : []
}

function FilterBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed === value) return
    const timer = window.setTimeout(() => onChange(typed), 250)
    return () => window.clearTimeout(timer)
  })
  return (
    <div className="search">
      <Icon name="search" />
      <input
        type="search"
        className="input"
        aria-label="Filter tags by name, address or description"
        placeholder="Name, address, description"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </div>
  )
}

function Pager({ page, total, onPage }: { page: number; total: number; onPage: (page: number) => void }) {
  const last = Math.ceil(total / pageSize) - 1
  return (
    <nav className="pager" aria-label="Pages of tags">
      <Button icon="left" onClick={() => onPage(page - 1)} whyNot={page === 0 ? 'This is the first page.' : undefined}>
        Previous
      </Button>
      <span className="small">
        {count(page * pageSize + 1)} to {count(Math.min(total, (page + 1) * pageSize))} of {count(total)}
      </span>
      <Button icon="right" onClick={() => onPage(page + 1)} whyNot={page >= last ? 'This is the last page.' : undefined}>
        Next
      </Button>
    </nav>
  )
}
