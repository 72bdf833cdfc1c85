/** Alarms as they are now, the most urgent first, to be looked at, chosen, and acted on. */
import { Link } from 'react-router'

import type { Alarm, AlarmAction } from '../api/alarms'
import { actionWords, keyOf, nextAction, shownValue } from '../lib/alarms'
import { count } from '../lib/numbers'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { AlarmMark, PriorityMark } from './alarmMarks'
import { QualityMark } from './marks'
import { Since } from './Since'

interface Props {
  alarms: Alarm[]
  chosen: ReadonlySet<string>
  /** nothing where the reader may not act */
  act: { onTurn: (key: string) => void; onTurnPage: () => void; onAct: (alarm: Alarm, action: AlarmAction) => void; busy: string | undefined } | undefined
}

export function AlarmTable({ alarms, chosen, act }: Props) {
  const all = alarms.every((alarm) => chosen.has(keyOf(alarm)))
  return (
    <>
      {act !== undefined && (
        <label className="checkbox letters-page">
          <input type="checkbox" checked={all} onChange={act.onTurnPage} /> Choose all of this page
        </label>
      )}
      <table className="table row-cards alarms">
        <thead>
          <tr>
            {act !== undefined && (
              <th scope="col" className="cell-choose">
                <span className="checkbox">
                  <input type="checkbox" aria-label="Choose all of this page" checked={all} onChange={act.onTurnPage} />
                </span>
              </th>
            )}
            <th scope="col" className="alarm-priority">Priority</th>
            <th scope="col">Alarm</th>
            <th scope="col" className="alarm-tag">Tag</th>
            <th scope="col" className="number alarm-value">
              Value now
            </th>
            <th scope="col" className="alarm-state">State</th>
            {act !== undefined && (
              <th scope="col" className="row-actions">
                <span className="visually-hidden">Next step</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {alarms.map((alarm) => (
            <Row key={keyOf(alarm)} alarm={alarm} chosen={chosen.has(keyOf(alarm))} act={act} />
          ))}
        </tbody>
      </table>
    </>
  )
}

function Row({ alarm, chosen, act }: { alarm: Alarm; chosen: boolean; act: Props['act'] }) {
  const key = keyOf(alarm)
  const next = nextAction(alarm)
  return (
    <tr className={chosen ? 'chosen' : ''}>
      {act !== undefined && (
        <td className="cell-choose">
          <label className="checkbox">
            <input type="checkbox" checked={chosen} data-alarm={key} onChange={() => act.onTurn(key)} aria-label={`Choose ${alarm.name} of ${alarm.device}, ${alarm.tag}`} />
          </label>
        </td>
      )}
      <td className="alarm-priority">
        <PriorityMark priority={alarm.priority} />
      </td>
      <th scope="row" className="alarm-name">
        {alarm.text ?? alarm.name}
        {alarm.text !== null && <span className="sub">{alarm.name}</span>}
        {alarm.response !== null && <span className="alarm-response">{alarm.response}</span>}
      </th>
      <td className="alarm-tag">
        <Link to={paths.tag(alarm.device, alarm.tag)}>
          {alarm.device} / {alarm.tag}
        </Link>
        <span className="sub">raised when {alarm.condition.replace(/^is /, 'it is ')}</span>
        <span className="alarm-links">
          <Link to={paths.trendsOf(alarm.device, alarm.tag, '1h')} aria-label={`Trend of ${alarm.device} / ${alarm.tag}`}>
            Trend
          </Link>
          <Link to={paths.definition(alarm.name)} aria-label={`Definition of ${alarm.name}`}>
            Definition
          </Link>
          <Link to={paths.alarmHistoryOf(alarm.name, alarm.device, alarm.tag)} aria-label={`History of ${alarm.name} of ${alarm.device}, ${alarm.tag}`}>
            History
          </Link>
        </span>
      </td>
      <td className="number alarm-value">
        <span className="value">{shownValue(alarm.value_text, alarm.unit)}</span>
        <span className="alarm-quality">{alarm.quality === null ? <span className="sub">no value yet</span> : <QualityMark severity={alarm.quality} stale={false} />}</span>
      </td>
      <td className="alarm-state">
        <AlarmMark state={alarm.state} />
        <StateMore alarm={alarm} />
      </td>
      {act !== undefined && (
        <td className="row-actions">
          {next !== undefined && (
            <Button busy={act.busy === key} onClick={() => act.onAct(alarm, next)}>
              {actionWords[next].title}
              <span className="visually-hidden">
                {' '}
                {alarm.name} of {alarm.device}, {alarm.tag}
              </span>
            </Button>
          )}
        </td>
      )}
    </tr>
  )
}

/** Since when, how often, and of what is put aside: by whom, until when and why. */
function StateMore({ alarm }: { alarm: Alarm }) {
  const { shelf } = alarm
  const aside = alarm.state === 'shelved' || alarm.state === 'suppressed' || alarm.state === 'out_of_service'
  return (
    <>
      {aside && alarm.active && <span className="sub alarm-still">the condition is met</span>}
      {alarm.since !== null && (
        <span className="sub">
          {alarm.active ? 'since ' : 'over since '}
          <Since time={alarm.since} />
        </span>
      )}
      {alarm.unacknowledged > 1 && <span className="sub">raised {count(alarm.unacknowledged)} times since it was acknowledged</span>}
      {shelf !== null && (
        <span className="sub">
          by {shelf.by} until {moment(shelf.until)}
          {shelf.comment !== '' && `: ${shelf.comment}`}
        </span>
      )}
      {alarm.chattering && <span className="sub">changes too often: {count(alarm.not_written)} changes counted, not written</span>}
      {alarm.suppressed !== null && <span className="sub">{alarm.suppressed}</span>}
    </>
  )
}
