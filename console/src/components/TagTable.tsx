/** Rows of tags with live values; only the row whose value came is drawn again. */
import { memo, useEffect, useRef } from 'react'
import { Link, useLocation, useSearchParams } from 'react-router'

import type { Tag } from '../api/types'
import { readAt, useLiveValue } from '../hooks/useLive'
import { useNow } from '../hooks/useNow'
import { reading, withUnit, writable } from '../lib/tag'
import { age } from '../lib/time'
import { Icon } from '../ui/Icon'
import { QualityMark } from './marks'

export function TagTable({ tags, listedAt }: { tags: Tag[]; listedAt: number }) {
  const [search] = useSearchParams()
  const chosen = search.get('tag')
  return (
    <table className="table tags">
      <thead>
        <tr>
          <th scope="col">Tag</th>
          <th scope="col" className="number">
            Value
          </th>
          <th scope="col">Quality</th>
          <th scope="col" className="number">
            Age
          </th>
          <th scope="col" className="wide-only">
            {tags.some((tag) => tag.formula !== undefined) ? 'Address or formula' : 'Address'}
          </th>
          <th scope="col" className="wide-only">
            Description
          </th>
        </tr>
      </thead>
      <tbody>
        {tags.map((tag) => (
          <TagRow key={tag.name} tag={tag} listedAt={listedAt} chosen={tag.name === chosen} />
        ))}
      </tbody>
    </table>
  )
}

interface RowProps {
  tag: Tag
  listedAt: number
  chosen: boolean
}

const TagRow = memo(function TagRow({ tag, listedAt, chosen }: RowProps) {
  const live = useLiveValue(tag.device, tag.name)
  const now = useNow()
  const { search } = useLocation()
  const current = reading(tag, listedAt, live, now, readAt(tag.device, tag.group))
  const reason = tag.reason ?? current.reason
  const params = new URLSearchParams(search)
  params.set('tag', tag.name)
  return (
    <tr className={`${chosen ? 'chosen' : ''} ${current.stale ? 'is-stale' : ''} q-${current.severity}`}>
      <th scope="row" className="cell-name">
        <Link
          to={{ search: params.toString() }}
          aria-current={chosen ? 'true' : undefined}
          data-tag={tag.name}
          preventScrollReset
        >
          {tag.name}
        </Link>
        {writable(tag) && (
          <span className="writable" title="Can be written">
            <Icon name="pencil" />
            <span className="visually-hidden">can be written</span>
          </span>
        )}
        <span className="sub narrow-only">{tag.description}</span>
      </th>
      <td className="number cell-value">
        <Flash changes={current.changes}>{withUnit(current.text, tag.unit)}</Flash>
      </td>
      <td className="cell-quality">
        <QualityMark severity={current.severity} stale={current.stale} />
        {current.severity !== 'good' && reason !== '' && <span className="sub">{reason}</span>}
      </td>
      <td className="number cell-age muted">{age(current.ageMs)}</td>
      {tag.formula === undefined ? (
        <td className="mono wide-only">{tag.address}</td>
      ) : (
        <td className="mono wide-only">
          <span className="cell-formula" title={tag.formula}>
            {tag.formula}
          </span>
        </td>
      )}
      <td className="muted wide-only cell-description">{tag.description}</td>
    </tr>
  )
})

/** Marks a change for a moment; nothing moves for those who asked for no motion. */
export function Flash({ changes, children }: { changes: number; children: string }) {
  const ref = useRef<HTMLSpanElement>(null)
  const seen = useRef(changes)
  useEffect(() => {
    if (seen.current === changes) return
    seen.current = changes
    if (window.matchMedia('(prefers-reduced-motion: reduce)').matches) return
    ref.current?.animate([{ backgroundColor: 'var(--flash)' }, { backgroundColor: 'transparent' }], {
      duration: 700,
      easing: 'ease-out',
    })
  }, [changes])
  return (
    <span className="value" ref={ref}>
      {children}
    </span>
  )
}
