/** Where an alarm is defined: one that is there, or a new one. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'

import { configQuery } from '../../api/queries'
import { AlarmPreview } from '../../components/AlarmPreview'
import { FindingList } from '../../components/FindingList'
import { AlarmSettings } from '../../forms/AlarmSettings'
import { FormFoot, Outdated } from '../../forms/FormFoot'
import { useFormDraft } from '../../hooks/useFormDraft'
import { errorsOf, useItemFindings } from '../../hooks/useItemFindings'
import { useMe } from '../../hooks/useMe'
import { useWatched } from '../../hooks/useWatched'
import { alarmProblems, proposedName } from '../../lib/alarmCheck'
import { otherKeys, ruleAlarmsIn, withAlarm, type AlarmForm } from '../../lib/alarmForm'
import { emptyDocument, namesIn } from '../../lib/document'
import { paths } from '../../paths'
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

const at = ({ name }: AlarmForm) => `alarms[${name}]`

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
  const found = useItemFindings({ text, form, write: withAlarm, at }, changed && problems.size === 0)
  const edit = (part: Partial<AlarmForm>) =>
    change((before) => {
      const after = { ...before, ...part }
      // A name that was proposed follows what it was proposed for.
      const follows = fresh && part.name === undefined && (before.name === '' || before.name === proposedName(before, taken))
      return follows ? { ...after, name: proposedName(after, taken) } : after
    })
  const wrong = errorsOf(found)
  return (
    <>
      {outdated && <Outdated what="alarm" onDiscard={discard} />}
      <div className="alarm-split">
        <AlarmSettings form={form} unit={units.size === 1 ? ([...units][0] ?? '') : ''} problems={tried && problems.size > 0 ? problems : found.errors} warnings={found.warnings} fresh={fresh} others={others} onChange={edit} />
        <AlarmPreview form={form} watched={watched} />
      </div>
      {found.others.length > 0 && <FindingList findings={found.others} withoutLines />}
      <FormFoot
        changed={changed}
        fresh={fresh}
        problems={problems}
        tried={tried}
        wrong={wrong}
        onSave={() => {
          setTried(true)
          if (problems.size === 0 && wrong === 0) setReview(true)
        }}
        onDiscard={() => {
          discard()
          setTried(false)
        }}
      />
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
