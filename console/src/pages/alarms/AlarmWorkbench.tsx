/** Where an alarm is defined: one that is there, or a new one. */
import { useMemo } from 'react'

import { AlarmPreview } from '../../components/AlarmPreview'
import { AlarmSettings } from '../../forms/AlarmSettings'
import { ItemForm } from '../../forms/ItemForm'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useItemFindings } from '../../hooks/useItemFindings'
import { useWatched } from '../../hooks/useWatched'
import { alarmProblems, proposedName } from '../../lib/alarmCheck'
import { otherKeys, ruleAlarmsIn, withAlarm, type AlarmForm } from '../../lib/alarmForm'
import { namesIn } from '../../lib/document'
import { paths } from '../../paths'

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

const kind = { write: withAlarm, at: ({ name }: AlarmForm) => `alarms[${name}]` }

export function AlarmWorkbench({ original, draftName, fresh }: Props) {
  const text = useConfigText()
  const draft = useFormDraft(draftName, original)
  const { form } = draft
  const taken = useMemo(() => (fresh ? takenIn(text) : new Set<string>()), [fresh, text])
  const others = useMemo(() => (fresh ? [] : otherKeys(text, original.name)), [fresh, text, original.name])
  const problems = alarmProblems(form, taken)
  const found = useItemFindings(draft, problems, kind)
  const watched = useWatched(form.tags)
  const units = new Set(watched.tags.map((tag) => tag.unit ?? ''))
  const edit = (part: Partial<AlarmForm>) => {
    // A name that was proposed follows what it was proposed for.
    const follows = fresh && part.name === undefined && (form.name === '' || form.name === proposedName(form, taken))
    draft.change(follows ? { ...part, name: proposedName({ ...form, ...part }, taken) } : part)
  }
  return (
    <ItemForm
      draft={draft}
      what="alarm"
      fresh={fresh}
      problems={problems}
      wrong={found.wrong}
      others={found.others}
      write={(now) => withAlarm(now, form)}
      comment={fresh ? `New alarm ${form.name}` : `Alarm ${form.name}`}
      to={paths.definitions}
    >
      <div className="alarm-split">
        <AlarmSettings form={form} unit={units.size === 1 ? ([...units][0] ?? '') : ''} problems={found.shown} warnings={found.warnings} fresh={fresh} others={others} onChange={edit} />
        <AlarmPreview form={form} watched={watched} />
      </div>
    </ItemForm>
  )
}
