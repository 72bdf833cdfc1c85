/** On every page: how many alarms nobody has acknowledged. It lies over the page's end, so that nothing moves when it comes. */
import { Link } from 'react-router'

import type { AlarmCounts } from '../api/alarms'
import { stripWords } from '../lib/alarms'
import { paths } from '../paths'
import { Icon } from '../ui/Icon'

export function AlarmStrip({ counts }: { counts: AlarmCounts | undefined }) {
  const words = stripWords(counts)
  const urgent = counts?.highest === 'critical' || counts?.highest === 'high'
  return (
    <>
      {/* Said when the words change, not with every answer of the edge. */}
      <p className="visually-hidden" role="status">
        {words}
      </p>
      {words !== '' && (
        <aside className={`alarm-strip ${urgent ? 'urgent' : ''}`} aria-label="Alarms">
          <Icon name="bell" />
          <span className="alarm-strip-words">{words}</span>
          <Link to={paths.alarms}>See alarms</Link>
        </aside>
      )}
    </>
  )
}
