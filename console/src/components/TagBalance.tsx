/** How many tags are good, uncertain, bad and stale, as numbers and as one bar. */
import type { TagCounts } from '../api/types'
import { count } from '../lib/numbers'
import { QualityMark } from './marks'

export function TagBalance({ tags }: { tags: TagCounts }) {
  // A stale tag counts once, whatever its quality was; the parts of the bar must add up.
  const fresh = Math.max(0, tags.total - tags.uncertain - tags.bad - tags.stale)
  const parts = [
    { name: 'good', value: Math.min(fresh, tags.good), mark: <QualityMark severity="good" stale={false} /> },
    { name: 'uncertain', value: tags.uncertain, mark: <QualityMark severity="uncertain" stale={false} /> },
    { name: 'stale', value: tags.stale, mark: <QualityMark severity="good" stale /> },
    { name: 'bad', value: tags.bad, mark: <QualityMark severity="bad" stale={false} /> },
  ]
  return (
    <div className="balance" role="group" aria-label="Tags by quality">
      <ul className="balance-numbers">
        {parts.map((part) => (
          <li key={part.name} className={part.value === 0 ? 'none' : ''}>
            <strong>{count(part.value)}</strong>
            {part.mark}
          </li>
        ))}
      </ul>
      <div className="balance-bar" aria-hidden="true">
        {parts.map((part) =>
          part.value === 0 ? null : <span key={part.name} className={part.name} style={{ flexGrow: part.value }} />,
        )}
      </div>
    </div>
  )
}
