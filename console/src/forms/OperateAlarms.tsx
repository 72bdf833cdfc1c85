/** Asks for what an act on alarms needs: a comment, and for shelving how long; then does it. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import type { Alarm, AlarmAction, AlarmAnswer } from '../api/alarms'
import { Failure } from '../components/Failure'
import { actionWords, commentProblem, nameOf, shelfTimes } from '../lib/alarms'
import { plural } from '../lib/numbers'
import { moment } from '../lib/time'
import { useNow } from '../hooks/useNow'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'

interface Props {
  action: AlarmAction
  alarms: Alarm[]
  onClose: () => void
  onDone: (answer: AlarmAnswer) => Promise<void>
}

const hints: Partial<Record<AlarmAction, string>> = {
  acknowledge: 'Everyone sees that somebody takes care of it. The alarm stays until its cause is gone.',
  'take-out-of-service': 'Nobody hears of it any more until it is returned to service, for example while a machine is being repaired.',
}

const namedMax = 5

export function OperateAlarms({ action, alarms, onClose, onDone }: Props) {
  const [comment, setComment] = useState('')
  const [forMs, setForMs] = useState(shelfTimes[0]?.[1] ?? 0)
  const { title } = actionWords[action]
  const operate = useMutation({
    mutationFn: () => api.operateAlarms(action, { alarms: alarms.map(nameOf), ...(comment.trim() === '' ? {} : { comment: comment.trim() }), ...(action === 'shelve' ? { for_ms: forMs } : {}) }),
    onSuccess: onDone,
  })
  const problem = commentProblem(comment.trim())
  const submit = () => {
    if (problem === undefined && !operate.isPending) operate.mutate()
  }
  const hint = hints[action]
  return (
    <Dialog
      title={`${title}: ${plural(alarms.length, 'alarm')}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={operate.isPending} onClick={submit} whyNot={problem === undefined ? undefined : 'The comment is too long.'}>
            {title}
          </Button>
        </>
      }
    >
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        {operate.error !== null && <Failure error={operate.error} />}
        <ul className="plain-list alarms-named">
          {alarms.slice(0, namedMax).map((alarm) => (
            <li key={`${alarm.name} ${alarm.device} ${alarm.tag}`}>
              <strong>{alarm.text ?? alarm.name}</strong>
              <span className="sub">
                {alarm.device} / {alarm.tag}
              </span>
            </li>
          ))}
          {alarms.length > namedMax && <li className="muted">and {plural(alarms.length - namedMax, 'other')}</li>}
        </ul>
        {hint !== undefined && <p>{hint}</p>}
        {action === 'shelve' && <ShelfTime forMs={forMs} onForMs={setForMs} />}
        <TextField label="Comment" hint="Optional: why, for those who come after you" autoComplete="off" value={comment} onChange={(event) => setComment(event.target.value)} problem={problem} />
      </form>
    </Dialog>
  )
}

function ShelfTime({ forMs, onForMs }: { forMs: number; onForMs: (ms: number) => void }) {
  const now = useNow()
  return (
    <div className="field">
      <fieldset className="segments">
        <legend className="label">For how long</legend>
        {shelfTimes.map(([label, ms]) => (
          <label key={label}>
            <input type="radio" name="shelf" checked={ms === forMs} onChange={() => onForMs(ms)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <span className="hint">Nobody hears of it until {moment(new Date(now + forMs).toISOString(), now)}; then it comes back by itself.</span>
    </div>
  )
}
