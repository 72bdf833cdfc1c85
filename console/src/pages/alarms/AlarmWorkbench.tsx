/** Where an alarm is defined: one that is there, or a new one. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'

import { configQuery } from '../../api/queries'
import { AlarmPreview } from '../../components/AlarmPreview'
import { FindingList } from '../../components/FindingList'
import { AlarmSettings } from '../../forms/AlarmSettings'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useLint } from '../../hooks/useLint'
import { useMe } from '../../hooks/useMe'
import { useSettled } from '../../hooks/useSettled'
import { useWatched } from '../../hooks/useWatched'
import { alarmProblems, located, proposedName } from '../../lib/alarmCheck'
import { otherKeys, ruleAlarmsIn, withAlarm, type AlarmForm } from '../../lib/alarmForm'
import { emptyDocument, namesIn } from '../../lib/document'
import type { Problems } from '../../lib/formKeys'
import { plural } from '../../lib/numbers'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { ReviewDevice } from '../commission/ReviewDevice'

interface Props {
  original: AlarmForm
  /** tells drafts apart */
  draftName: string
  fresh: boolean
}

/** Names that alarms have already, those of rules too. */
export function takenIn(text: string): Set<string> {
  return new Set([...namesIn(text, 'alarms'), ...ruleAlarmsIn(text).keys()])
}

const noProblems: Problems = new Map()

export function AlarmWorkbench({ original, draftName, fresh }: Props) {
  const me = useMe()
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const { form, changed, outdated, change, discard, forget } = useFormDraft(draftName, original)
  const [tried, setTried] = useState(false)
  const [review, setReview] = useState(false)
  const taken = useMemo(() => (fresh ? takenIn(text) : new Set<string>()), [fresh, text])
  const others = useMemo(() => (fresh ? [] : otherKeys(text, original.name)), [fresh, text, original.name])
  const problems = alarmProblems(form, taken)
  const watched = useWatched(form.tags)
  const units = new Set(watched.tags.map((tag) => tag.unit ?? ''))
  const found = useFindings(text, form, changed && problems.size === 0, me.edge)
  const edit = (part: Partial<AlarmForm>) =>
    change((before) => {
      const after = { ...before, ...part }
      // A name that was proposed follows what it was proposed for.
      const follows = fresh && part.name === undefined && (before.name === '' || before.name === proposedName(before, taken))
      return follows ? { ...after, name: proposedName(after, taken) } : after
    })
  const worthSaving = changed || fresh
  const wrong = found.errors.size + found.others.filter((each) => each.weight === 'error').length
  return (
    <>
      {outdated && (
        <Notice tone="warn" title="Somebody else changed this alarm after you began">
          <span>Reviewing compares yours with what runs now.</span>
          <div>
            <Button onClick={discard}>Discard mine, take the newer one</Button>
          </div>
        </Notice>
      )}
      <div className="alarm-split">
        <AlarmSettings form={form} unit={units.size === 1 ? ([...units][0] ?? '') : ''} problems={tried && problems.size > 0 ? problems : found.errors} warnings={found.warnings} fresh={fresh} others={others} onChange={edit} />
        <AlarmPreview form={form} watched={watched} />
      </div>
      {found.others.length > 0 && <FindingList findings={found.others} withoutLines />}
      <div className={changed ? 'step-foot rule-foot' : 'step-foot rule-foot is-idle'}>
        <Button
          kind="primary"
          onClick={() => {
            setTried(true)
            if (problems.size === 0 && wrong === 0) setReview(true)
          }}
          whyNot={!worthSaving ? 'Nothing is changed yet.' : wrong > 0 ? `Mend ${plural(wrong, 'finding')} first.` : undefined}
        >
          Review and save
        </Button>
        {changed && (
          <Button
            onClick={() => {
              discard()
              setTried(false)
            }}
          >
            Discard changes
          </Button>
        )}
        <span role="status" className="problem">
          {tried && problems.size > 0 && `${plural(problems.size, 'field')} to mend: ${[...problems.values()][0] ?? ''}`}
        </span>
      </div>
      {review && (
        <ReviewDevice
          edit={(running) => withAlarm(running?.text ?? emptyDocument(me.edge), form)}
          comment={fresh ? `New alarm ${form.name}` : `Alarm ${form.name}`}
          to={paths.definitions}
          back={paths.definitions}
          onClose={() => setReview(false)}
          onSaved={forget}
        />
      )}
    </>
  )
}

/** What the edge says of this alarm, at its fields; nothing while the form itself is not filled in. */
function useFindings(text: string, form: AlarmForm, enabled: boolean, edge: string) {
  const settled = useSettled(form)
  const whole = useMemo(() => (enabled ? withAlarm(text === '' ? emptyDocument(edge) : text, settled) : ''), [enabled, text, settled, edge])
  const lint = useLint(whole, enabled)
  return useMemo(() => (enabled && lint.state === 'checked' && lint.text === whole ? located(lint.result?.findings ?? [], `alarms[${settled.name}]`) : { errors: noProblems, warnings: noProblems, others: [] }), [enabled, lint, whole, settled.name])
}
