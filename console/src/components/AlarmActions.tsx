/** What may be done to the chosen alarms, and what came of it. Stays in view at the end of the list. */
import type { Ref } from 'react'

import type { Alarm, AlarmAction, AlarmName, AlarmRefusal } from '../api/alarms'
import { actions, actionWords, allows, keyOf } from '../lib/alarms'
import { count, plural } from '../lib/numbers'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Failure } from './Failure'

export interface Told {
  words: string
  refused: AlarmRefusal[]
  /** the alarm that the reader was at */
  last: AlarmName | undefined
}

interface Props {
  ref: Ref<HTMLDivElement>
  chosen: Alarm[]
  busy: AlarmAction | undefined
  error: unknown
  told: Told | undefined
  onAct: (action: AlarmAction, alarms: Alarm[]) => void
  onNone: () => void
  onHeard: () => void
}

export function AlarmActions({ ref, chosen, busy, error, told, onAct, onNone, onHeard }: Props) {
  const offered = actions.flatMap((action) => {
    const allowed = chosen.filter((alarm) => allows(alarm, action)).length
    return allowed === 0 ? [] : [{ action, allowed }]
  })
  const words = [told?.words ?? '', chosen.length > 0 ? `${plural(chosen.length, 'alarm is', 'alarms are')} chosen.` : ''].filter((each) => each !== '').join(' ')
  const idle = words === '' && error === null && told === undefined
  return (
    <div className={`alarm-actions ${idle ? 'is-idle' : ''}`} ref={ref} tabIndex={-1} role="group" aria-label="What to do">
      {error !== null && <Failure error={error} />}
      {told !== undefined && told.refused.length > 0 && <Refusals refused={told.refused} onHeard={onHeard} />}
      <div className="buttons">
        {offered.map(({ action, allowed }) => (
          <Button key={action} kind={action === 'acknowledge' ? 'primary' : 'plain'} busy={busy === action} onClick={() => onAct(action, chosen)}>
            {actionWords[action].title}
            {allowed < chosen.length && ` ${count(allowed)} of ${count(chosen.length)}`}
            {actionWords[action].asks && '…'}
          </Button>
        ))}
        {chosen.length > 0 && (
          <Button kind="quiet" onClick={onNone}>
            Choose none
          </Button>
        )}
        <span role="status" className="small">
          {words}
        </span>
      </div>
    </div>
  )
}

function Refusals({ refused, onHeard }: { refused: AlarmRefusal[]; onHeard: () => void }) {
  return (
    <Notice tone="bad" title={`${plural(refused.length, 'alarm stays as it is', 'alarms stay as they are')}:`}>
      <ul className="plain-list alarms-refused">
        {refused.map((each) => (
          <li key={keyOf(each)}>
            <strong>
              {each.name} of {each.device} / {each.tag}
            </strong>
            : {each.cause}
          </li>
        ))}
      </ul>
      <div>
        <Button kind="quiet" onClick={onHeard}>
          Close
        </Button>
      </div>
    </Notice>
  )
}
