/** One tag in depth: value, look-back, reading now, writing, last samples and commands. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useLayoutEffect, useRef } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { commandsQuery, queryClient, samplesQuery, tagQuery } from '../api/queries'
import type { Sample, Tag } from '../api/types'
import { WriteForm } from '../forms/WriteForm'
import { readAt, useLiveValue } from '../hooks/useLive'
import { useMe } from '../hooks/useMe'
import { useNow } from '../hooks/useNow'
import { may, whyNot } from '../lib/roles'
import { reading, withUnit, writable } from '../lib/tag'
import { age, clockMs, interval } from '../lib/time'
import { paths } from '../paths'
import { Button, IconButton } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { CommandList } from './CommandList'
import { Facts } from './Facts'
import { Failure } from './Failure'
import { QualityMark } from './marks'
import { Since } from './Since'
import { TagChart } from './TagChart'
import { Flash } from './TagTable'

const spans: [string, string, number][] = [
  ['15m', '15 min', 900_000],
  ['1h', '1 h', 3_600_000],
  ['6h', '6 h', 21_600_000],
]

interface Props {
  device: string
  name: string
  onClose: () => void
}

export function TagPanel({ device, name, onClose }: Props) {
  const tag = useQuery(tagQuery(device, name))
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    heading.current?.focus()
    return () => document.querySelector<HTMLElement>(`[data-tag="${CSS.escape(name)}"]`)?.focus({ preventScroll: true })
  }, [name])
  return (
    // Escape is an addition to the close button in it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      className="tag-panel"
      aria-label={`Tag ${name}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) onClose()
      }}
    >
      <div className="tag-panel-head">
        <div>
          <h2 ref={heading} tabIndex={-1}>
            {name}
          </h2>
          <span className="muted small">{device}</span>
        </div>
        <IconButton name="close" label="Close the tag" onClick={onClose} />
      </div>
      {tag.error !== null && tag.data === undefined && (
        <div className="tag-panel-part">
          <Failure error={tag.error} />
        </div>
      )}
      {tag.data !== undefined && <TagDetail tag={tag.data} listedAt={tag.dataUpdatedAt} />}
    </aside>
  )
}

function TagDetail({ tag, listedAt }: { tag: Tag; listedAt: number }) {
  const me = useMe()
  const [search, setSearch] = useSearchParams()
  const span = spans.find(([key]) => key === search.get('span')) ?? ['15m', '15 min', 900_000]
  const samples = useQuery(samplesQuery(tag.device, tag.name, span[2]))
  const commands = useQuery(commandsQuery(200))
  const mine = (commands.data?.items ?? []).filter((each) => each.device === tag.device && each.tag === tag.name)
  return (
    <>
      <CurrentValue tag={tag} listedAt={listedAt} />
      {writable(tag) && (
        <div className="tag-panel-part">
          <WriteForm tag={tag} />
        </div>
      )}
      <div className="tag-panel-part">
        <fieldset className="segments">
          <legend className="visually-hidden">Look back</legend>
          {spans.map(([key, label]) => (
            <label key={key}>
              <input
                type="radio"
                name="span"
                checked={span[0] === key}
                onChange={() =>
                  setSearch(
                    (before) => {
                      before.set('span', key)
                      return before
                    },
                    { replace: true, preventScrollReset: true },
                  )
                }
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        {samples.error !== null && samples.data === undefined && <Failure error={samples.error} />}
        {samples.data !== undefined && <TagChart tag={tag} samples={samples.data} />}
        <p>
          <Link to={paths.trendsOf(tag.device, tag.name, span[0] === '6h' ? '8h' : span[0])} className="button quiet">
            <Icon name="trend" />
            Open in trends
          </Link>
        </p>
      </div>
      <div className="tag-panel-part">
        <h3>Last samples</h3>
        <LastSamples samples={samples.data?.samples ?? []} unit={tag.unit} />
      </div>
      {writable(tag) && (
        <div className="tag-panel-part">
          <h3>Last commands</h3>
          <CommandList commands={mine.slice(0, 5)} unit={tag.unit} />
        </div>
      )}
      <div className="tag-panel-part">
        <Facts
          facts={[
            tag.formula === undefined
              ? ['Address', <code key="address">{tag.address}</code>]
              : [
                  'Formula',
                  <code key="formula" className="formula-text">
                    {tag.formula}
                  </code>,
                ],
            ['Type', tag.type],
            ['Group', `${tag.group}, every ${interval(tag.interval_ms)}`],
            ['Access', tag.access.replace('_', ' and ')],
            ['Last change', tag.changed_at === null ? 'none seen' : <Since key="changed" time={tag.changed_at} />],
            ...(tag.source_time === undefined ? [] : [['Time at the source', clockMs(tag.source_time)] as [string, string]]),
          ]}
        />
        {may(me.role, 'engineer') && (
          <p>
            <Link to={paths.newAlarmOn(tag.device, tag.name)} className="button quiet">
              <Icon name="bell" />
              Add an alarm
            </Link>
          </p>
        )}
        {tag.formula !== undefined && may(me.role, 'engineer') && (
          <p>
            <Link to={paths.formula(tag.device, tag.name)} className="button quiet">
              <Icon name="pencil" />
              Edit formula
            </Link>
          </p>
        )}
      </div>
    </>
  )
}

function CurrentValue({ tag, listedAt }: { tag: Tag; listedAt: number }) {
  const me = useMe()
  const live = useLiveValue(tag.device, tag.name)
  const now = reading(tag, listedAt, live, useNow(), readAt(tag.device, tag.group))
  const read = useMutation({
    mutationFn: () => api.readNow(tag.device, tag.name),
    onSuccess: (fresh) => queryClient.setQueryData(tagQuery(tag.device, tag.name).queryKey, fresh),
  })
  const cannotRead = tag.access === 'write' ? 'This tag can only be written.' : whyNot(me.role, 'operator', 'Reading now')
  return (
    <div className={`tag-panel-part current ${now.stale ? 'is-stale' : ''}`}>
      <div className="current-row">
        <div>
          <div className="current-value" role="group" aria-label="Current value">
            <Flash changes={now.changes}>{withUnit(now.text, tag.unit)}</Flash>
          </div>
          <div className="current-state">
            <QualityMark severity={now.severity} stale={now.stale} />
            <span className="muted">{now.ageMs === null ? 'never read' : `${age(now.ageMs)} old`}</span>
          </div>
        </div>
        <Button icon="turning" busy={read.isPending} whyNot={cannotRead} onClick={() => read.mutate()}>
          Read now
        </Button>
      </div>
      {now.severity !== 'good' && (
        <p className={`quality-reason ${now.severity}`}>
          {(tag.reason ?? now.reason) !== '' && `${tag.reason ?? now.reason}. `}
          Quality {tag.quality.name}, since <Since time={tag.quality_since} />.
        </p>
      )}
      {tag.description !== undefined && tag.description !== '' && <p className="muted">{tag.description}</p>}
      <div role="status">
        {read.isSuccess && (
          <p className="small">
            {tag.formula === undefined ? 'Read from the device' : 'Computed'} at {clockMs(read.data.time ?? read.submittedAt)}: {withUnit(read.data.text, tag.unit)}{' '}
            ({read.data.quality.severity})
          </p>
        )}
      </div>
      {read.error !== null && <Failure error={read.error} />}
    </div>
  )
}

function LastSamples({ samples, unit }: { samples: Sample[]; unit: string | undefined }) {
  if (samples.length === 0) return <p className="muted">No sample in this time.</p>
  const last = samples.slice(-8).toReversed()
  return (
    <table className="table plain">
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Value</th>
          <th scope="col">Quality</th>
        </tr>
      </thead>
      <tbody>
        {last.map((sample) => (
          <tr key={sample.time}>
            <td>
              <time dateTime={sample.time}>{clockMs(sample.time)}</time>
            </td>
            <td className="number">{withUnit(sample.text, unit)}</td>
            <td>
              <QualityMark severity={sample.quality} stale={false} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

