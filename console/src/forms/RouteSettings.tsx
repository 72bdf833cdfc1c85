/** The fields of a route: which alarms, to whom, when, and when not. */
import { useId } from 'react'

import { alarmPriorities, type AlarmPriority } from '../api/alarms'
import type { Problems } from '../lib/formKeys'
import { days, emptyQuiet, type Day, type LevelForm, type QuietForm, type RouteForm } from '../lib/notifyForm'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { TagListField } from './TagListField'

interface Props {
  form: RouteForm
  channels: string[]
  zone: string
  problems: Problems
  warnings: Problems
  fresh: boolean
  /** keys that have no field */
  others: string[]
  onChange: (part: Partial<RouteForm>) => void
}

export function RouteSettings(props: Props) {
  return (
    <div className="alarm-form">
      <Which {...props} />
      <Whom {...props} />
      <WhenNot {...props} />
    </div>
  )
}

type TextKey = { [K in keyof RouteForm]: RouteForm[K] extends string ? K : never }[keyof RouteForm]

/** What a field of text needs to be drawn. */
function bound({ form, problems, warnings, onChange }: Props, key: TextKey, field: string) {
  return { value: form[key], problem: problems.get(field), warning: warnings.get(field), autoComplete: 'off', onChange: (event: { target: { value: string } }) => onChange({ [key]: event.target.value }) }
}

function Which(props: Props) {
  const { form, problems, warnings, fresh, onChange } = props
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>Which alarms</h2>
      </header>
      <div className="body form">
        {fresh && <TextField label="Name" hint="For good: letters from a to z, digits, dots and dashes." spellCheck={false} maxLength={128} {...bound(props, 'name', 'name')} />}
        <TextField label="Description (optional)" hint="What it is for." maxLength={1_000} {...bound(props, 'description', 'description')} />
        <SelectField label="From priority" hint="Less urgent alarms are not told." value={form.minPriority} problem={problems.get('min_priority')} onChange={(event) => onChange({ minPriority: event.target.value as AlarmPriority })}>
          {alarmPriorities.map((each) => (
            <option key={each} value={each}>
              {each === 'low' ? 'low, which is all' : each}
            </option>
          ))}
        </SelectField>
        <TextField label="Names of alarms (optional)" hint="Commas between them; * stands for any characters, such as over*. Empty: all." spellCheck={false} {...bound(props, 'alarms', 'alarms')} />
        <TagListField title="Tags (optional)" hint="Only alarms of these, such as `boiler-*/pressure`. None: all." optional tags={form.tags} problems={problems} warnings={warnings} onChange={(tags) => onChange({ tags })} />
      </div>
    </section>
  )
}

function Whom(props: Props) {
  const { form, channels, problems, onChange } = props
  const id = useId()
  const put = (index: number, part: Partial<LevelForm>) => onChange({ escalate: form.escalate.map((each, place) => (place === index ? { ...each, ...part } : each)) })
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>To whom, and when</h2>
      </header>
      <div className="body form">
        <ChannelChoice legend="Told by" channels={channels} chosen={form.to} problem={problems.get('to')} onChange={(to) => onChange({ to })} />
        <div className="rule-fields">
          <TextField label="Delay (optional)" hint="Nobody is told of an alarm that is over or acknowledged by then." placeholder="0s" {...bound(props, 'after', 'after')} />
          <TextField label="Repeated every (optional)" hint="Until somebody acknowledges it, such as 15m." placeholder="never" {...bound(props, 'repeat', 'repeat')} />
        </div>
        <label className="checkbox">
          <input type="checkbox" checked={form.cleared} onChange={(event) => onChange({ cleared: event.target.checked })} />
          Also told when it is over
        </label>
        <label className="checkbox">
          <input type="checkbox" checked={form.acknowledged} onChange={(event) => onChange({ acknowledged: event.target.checked })} />
          Also told when somebody acknowledges it
        </label>
        <h3>When nobody acknowledges it</h3>
        {form.escalate.length === 0 && <p className="small muted">Nobody else is told.</p>}
        {form.escalate.map((level, index) => (
          // Levels have no name of their own; they stay in their order.
          // oxlint-disable-next-line react/no-array-index-key
          <fieldset key={index} className="sub-form">
            <legend>Level {index + 2}</legend>
            <TextField label="After" hint="Counted from when the alarm was raised, such as 10m." autoComplete="off" value={level.after} problem={problems.get(`escalate.${index}.after`)} onChange={(event) => put(index, { after: event.target.value })} />
            <ChannelChoice legend="Also told by" channels={channels} chosen={level.to} problem={problems.get(`escalate.${index}.to`)} onChange={(to) => put(index, { to })} />
            <div>
              <Button onClick={() => onChange({ escalate: form.escalate.filter((_, place) => place !== index) })}>Remove level {index + 2}</Button>
            </div>
          </fieldset>
        ))}
        <div>
          <Button icon="plus" onClick={() => onChange({ escalate: [...form.escalate, { after: '', to: [] }] })}>
            Tell somebody else
          </Button>
        </div>
      </div>
    </section>
  )
}

function WhenNot(props: Props) {
  const { form, zone, problems, others, onChange } = props
  const id = useId()
  const put = (index: number, part: Partial<QuietForm>) => onChange({ quiet: form.quiet.map((each, place) => (place === index ? { ...each, ...part } : each)) })
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>Quiet hours, and limits</h2>
      </header>
      <div className="body form">
        <p className="small muted">What comes up in quiet hours waits, and is told together when they are over. Times are of {zone === '' ? 'UTC' : zone}.</p>
        {form.quiet.map((quiet, index) => (
          // Quiet hours have no name of their own; they stay in their order.
          // oxlint-disable-next-line react/no-array-index-key
          <fieldset key={index} className="sub-form">
            <legend>Quiet hours {index + 1}</legend>
            <DayChoice chosen={quiet.days} problem={problems.get(`quiet.${index}.days`)} onChange={(next) => put(index, { days: next })} />
            <div className="rule-fields">
              <TextField label="From" placeholder="22:00" autoComplete="off" value={quiet.from} problem={problems.get(`quiet.${index}.from`)} onChange={(event) => put(index, { from: event.target.value })} />
              <TextField label="To" placeholder="06:00" autoComplete="off" value={quiet.to} problem={problems.get(`quiet.${index}.to`)} onChange={(event) => put(index, { to: event.target.value })} />
              <SelectField label="Waits up to priority" value={quiet.upTo} onChange={(event) => put(index, { upTo: event.target.value as AlarmPriority })}>
                {alarmPriorities.map((each) => (
                  <option key={each} value={each}>
                    {each === 'critical' ? 'critical: nothing is told' : each}
                  </option>
                ))}
              </SelectField>
            </div>
            <p className="small muted">A time that ends before it begins ends on the next day; the days are those on which it begins.</p>
            <div>
              <Button onClick={() => onChange({ quiet: form.quiet.filter((_, place) => place !== index) })}>Remove quiet hours {index + 1}</Button>
            </div>
          </fieldset>
        ))}
        <div>
          <Button icon="plus" onClick={() => onChange({ quiet: [...form.quiet, emptyQuiet] })}>
            Add quiet hours
          </Button>
        </div>
        <TextField label="Messages an hour at most (optional)" hint="To each channel, 1 to 360. More alarms wait and are told together." inputMode="numeric" placeholder="60" {...bound(props, 'messagesMax', 'messages_per_hour_max')} />
        <label className="checkbox">
          <input type="checkbox" checked={form.enabled} onChange={(event) => onChange({ enabled: event.target.checked })} />
          Enabled: people are told by this route
        </label>
        {others.length > 0 && <p className="small muted">Kept as it is, for it has no field here: {others.join(', ')}. Change it in the configuration as text.</p>}
      </div>
    </section>
  )
}

interface ChoiceProps<T> {
  chosen: T[]
  problem: string | undefined
  onChange: (chosen: T[]) => void
}

/** One that is gone from the configuration can still be taken away. */
function ChannelChoice({ legend, channels, chosen, problem, onChange }: ChoiceProps<string> & { legend: string; channels: string[] }) {
  const all = [...channels, ...chosen.filter((name) => !channels.includes(name))]
  return (
    <fieldset className="notify-choice">
      <legend>{legend}</legend>
      {all.map((name) => (
        <label key={name} className="checkbox">
          <input type="checkbox" checked={chosen.includes(name)} onChange={(event) => onChange(event.target.checked ? [...chosen, name] : chosen.filter((each) => each !== name))} />
          {name}
        </label>
      ))}
      <Wrong problem={problem} />
    </fieldset>
  )
}

const dayWords: Record<Day, string> = { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' }

function DayChoice({ chosen, problem, onChange }: ChoiceProps<Day>) {
  return (
    <fieldset className="notify-choice">
      <legend>Days</legend>
      {days.map((day) => (
        <label key={day} className="checkbox">
          <input type="checkbox" checked={chosen.includes(day)} onChange={(event) => onChange(days.filter((each) => (each === day ? event.target.checked : chosen.includes(each))))} />
          {dayWords[day]}
        </label>
      ))}
      <Wrong problem={problem} />
    </fieldset>
  )
}

function Wrong({ problem }: { problem: string | undefined }) {
  return (
    <span aria-live="polite">
      {problem !== undefined && (
        <span className="problem">
          <Icon name="warning" />
          {problem}
        </span>
      )}
    </span>
  )
}
