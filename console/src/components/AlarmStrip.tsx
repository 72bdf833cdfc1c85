/** On every page: how many alarms nobody has acknowledged. It lies over the page's end, so that nothing moves when it comes. */
import { Link } from 'react-router'

import type { AlarmCounts } from '../api/alarms'
import { floodWords, stripWords } from '../lib/alarms'
import { plural } from '../lib/numbers'
import { paths } from '../paths'
import { Icon } from '../ui/Icon'
import { PriorityMark } from './alarmMarks'

export function AlarmStrip({ counts }: { counts: AlarmCounts | undefined }) {
  const words = stripWords(counts)
  const urgent = counts?.highest === 'critical' || counts?.highest === 'high'
  return (
    <>
      {/* Said when the words change, not with every answer of the edge. */}
      <p className="visually-hidden" role="status">
        {words}
      </p>
      {counts !== undefined && words !== '' && (
        <aside className={`alarm-strip ${urgent ? 'urgent' : ''}`} aria-label="Alarms">
          <Icon name="bell" />
          <span className="alarm-strip-words">{plural(counts.unacknowledged, 'alarm')} not acknowledged{floodWords(counts)}</span>
          {counts.highest !== null && (
            <span className="alarm-strip-highest">
              <span className="alarm-strip-long">most urgent: </span>
              <PriorityMark priority={counts.highest} />
            </span>
          )}
          <Link to={paths.alarms}>See alarms</Link>
        </aside>
      )}
    </>
  )
}
