/** The fields of an alarm: which tags, what raises it, who must know, and what is rarely needed. */
import { useId } from 'react'

import { alarmPriorities } from '../api/alarms'
import { conditionHints, conditionWords } from '../lib/alarmCheck'
import { alarmConditions, hasHysteresis, hasSamples, needs, type AlarmCondition, type AlarmForm } from '../lib/alarmForm'
import type { Problems } from '../lib/formKeys'
import { AreaField, SelectField, TextField } from '../ui/Field'
import { Prose } from '../ui/Prose'
import { ComparedField } from './ComparedField'
import { TagField } from './TagField'
import { TagListField } from './TagListField'

interface Props {
  form: AlarmForm
  /** of the tags, where they all have the same */
  unit: string
  problems: Problems
  warnings: Problems
  fresh: boolean
  /** keys that have no field */
  others: string[]
  onChange: (part: Partial<AlarmForm>) => void
}

type TextKey = { [K in keyof AlarmForm]: AlarmForm[K] extends string ? K : never }[keyof AlarmForm]

/** What a field of text needs to be drawn. */
type Bind = (key: TextKey, field: string) => { value: string; problem: string | undefined; warning: string | undefined; autoComplete: string; onChange: (event: { target: { value: string } }) => void }

export function AlarmSettings(props: Props) {
  const { form, problems, warnings, onChange } = props
  const bind: Bind = (key, field) => ({ value: form[key], problem: problems.get(field), warning: warnings.get(field), autoComplete: 'off', onChange: (event) => onChange({ [key]: event.target.value }) })
  return (
    <div className="alarm-form">
      <Watched {...props} bind={bind} />
      <Treated {...props} bind={bind} />
    </div>
  )
}

function Watched({ form, unit, problems, warnings, fresh, onChange, bind }: Props & { bind: Bind }) {
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>What is watched</h2>
      </header>
      <div className="body form">
        <TagListField
          title="Tags"
          hint="A device and its tag, such as `boiler-1/pressure`. `*` stands for any characters: `boiler-*/pressure`. Each tag has an alarm of its own."
          tags={form.tags}
          problems={problems}
          warnings={warnings}
          onChange={(tags) => onChange({ tags })}
        />
        <SelectField
          label="Raised when the value is"
          hint={<Prose text={conditionHints[form.condition]} />}
          value={form.condition}
          problem={problems.get('condition')}
          warning={warnings.get('condition')}
          onChange={(event) => onChange({ condition: event.target.value as AlarmCondition })}
        >
          {alarmConditions.map((condition) => (
            <option key={condition} value={condition}>
              {conditionWords[condition]}
            </option>
          ))}
        </SelectField>
        <ConditionFields form={form} unit={unit} problems={problems} warnings={warnings} onChange={onChange} bind={bind} />
        {fresh && <TextField label="Name" hint="For good: it tells the alarm in lists, routes and the history. Letters from a to z, digits, dots and dashes." spellCheck={false} maxLength={128} {...bind('name', 'name')} />}
      </div>
    </section>
  )
}

const backHints: Partial<Record<AlarmCondition, string>> = {
  rising: 'By how much less it must change until the alarm is over.',
  falling: 'By how much less it must change until the alarm is over.',
  deviation: 'How much nearer it must be until the alarm is over.',
}

function ConditionFields({ form, unit, problems, warnings, onChange, bind }: Pick<Props, 'form' | 'unit' | 'problems' | 'warnings' | 'onChange'> & { bind: Bind }) {
  const needed = needs[form.condition]
  const inUnit = unit === '' ? '' : ` in ${unit}`
  const change = needed.includes('per')
  return (
    <>
      {needed.includes('reference') && <TagField label="Compared with" hint="A tag of the same device, such as setpoint, or device/tag." value={form.reference} problem={problems.get('reference')} warning={warnings.get('reference')} onChange={(reference) => onChange({ reference })} />}
      {needed.includes('value') && <ComparedField label="Compared with" unit={unit} value={form.value} problem={problems.get('value')} warning={warnings.get('value')} onChange={(value) => onChange({ value })} />}
      {needed.includes('after') && <TextField label="For how long" hint="Such as 5m. Longer than the interval at which the tag is read." placeholder="5m" {...bind('after', 'after')} />}
      <div className="rule-fields">
        {needed.includes('limit') && <TextField label={`${change ? 'Change' : form.condition === 'deviation' ? 'Distance' : 'Limit'}${inUnit}`} hint={change ? 'By more than this within the span.' : form.condition === 'deviation' ? 'How far apart is too far.' : `Raised ${form.condition} this.`} inputMode="decimal" {...bind('limit', 'limit')} />}
        {needed.includes('range') && <TextField label={`Lower limit${inUnit}`} hint="Raised below this." inputMode="decimal" {...bind('low', 'low')} />}
        {needed.includes('range') && <TextField label={`Upper limit${inUnit}`} hint="Raised above this." inputMode="decimal" {...bind('high', 'high')} />}
        {change && <TextField label="Span" hint="Such as 1m. From 1s to 31d." placeholder="1m" {...bind('per', 'per')} />}
        {hasHysteresis(form.condition) && <TextField label={`Hysteresis${inUnit} (optional)`} hint={backHints[form.condition] ?? 'How far it must come back behind the limit until the alarm is over.'} inputMode="decimal" placeholder="0" {...bind('hysteresis', 'hysteresis')} />}
        <TextField label="On delay (optional)" hint="Raised once it is so for this long, such as 5s or 10m." placeholder="0s" {...bind('onDelay', 'on_delay')} />
      </div>
    </>
  )
}

function Treated({ form, problems, warnings, others, onChange, bind }: Props & { bind: Bind }) {
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>Who must know, and what to do</h2>
      </header>
      <div className="body form">
        <SelectField label="Priority" hint="How soon somebody must act." value={form.priority} problem={problems.get('priority')} onChange={(event) => onChange({ priority: event.target.value as AlarmForm['priority'] })}>
          {alarmPriorities.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </SelectField>
        <AreaField label="Text (optional)" hint="What it means, for those who read it." maxLength={1_000} {...bind('text', 'text')} />
        <AreaField label="Response (optional)" hint="What to do about it." maxLength={1_000} {...bind('response', 'response')} />
        <label className="checkbox">
          <input type="checkbox" checked={form.latching} onChange={(event) => onChange({ latching: event.target.checked })} />
          Stays until somebody resets it
        </label>
        <Suppression form={form} problems={problems} warnings={warnings} onChange={onChange} />
        <More form={form} problems={problems} warnings={warnings} others={others} onChange={onChange} bind={bind} />
      </div>
    </section>
  )
}

function Suppression({ form, problems, warnings, onChange }: Pick<Props, 'form' | 'problems' | 'warnings' | 'onChange'>) {
  return (
    <>
      <label className="checkbox">
        <input type="checkbox" checked={form.suppress} onChange={(event) => onChange({ suppress: event.target.checked })} />
        Nobody is told while another tag has a value, such as of a machine that is off
      </label>
      {form.suppress && (
        <fieldset className="sub-form">
          <legend>Suppressed while</legend>
          <TagField label="This tag" hint="A tag of the same device, such as running, or device/tag." value={form.suppressTag} problem={problems.get('suppress_when.tag')} warning={warnings.get('suppress_when.tag')} onChange={(suppressTag) => onChange({ suppressTag })} />
          <ComparedField label="is" value={form.suppressValue} problem={problems.get('suppress_when.equals')} warning={warnings.get('suppress_when.equals')} onChange={(suppressValue) => onChange({ suppressValue })} />
        </fieldset>
      )}
    </>
  )
}

function More({ form, problems, warnings, others, onChange, bind }: Pick<Props, 'form' | 'problems' | 'warnings' | 'others' | 'onChange'> & { bind: Bind }) {
  const id = useId()
  const used = form.offDelay !== '' || form.samplesMet !== '' || !form.acknowledge || !form.enabled || others.length > 0
  const wrong = ['off_delay', 'samples', 'acknowledge', 'enabled'].some((field) => problems.has(field) || warnings.has(field))
  return (
    <details className="more-settings" open={used || wrong || undefined}>
      <summary>More</summary>
      <div className="form">
        <TextField label="Off delay (optional)" hint="Over once it is over for this long, such as 30s." placeholder="0s" {...bind('offDelay', 'off_delay')} />
        {hasSamples(form.condition) && (
          <div role="group" aria-labelledby={id} className="form">
            <div>
              <h3 id={id}>Some of the last samples (optional)</h3>
              <p className="small muted">The condition counts when it was met in so many of the last samples, such as 3 of 5. For values that jump.</p>
            </div>
            <div className="rule-fields">
              <TextField label="Met in" inputMode="numeric" {...bind('samplesMet', 'samples')} />
              <TextField label="Of the last" inputMode="numeric" {...bind('samplesOf', 'samples')} problem={undefined} warning={undefined} />
            </div>
          </div>
        )}
        <label className="checkbox">
          <input type="checkbox" checked={form.acknowledge} onChange={(event) => onChange({ acknowledge: event.target.checked })} />
          Somebody must acknowledge it
        </label>
        <label className="checkbox">
          <input type="checkbox" checked={form.enabled} onChange={(event) => onChange({ enabled: event.target.checked })} />
          Enabled: the condition is looked at
        </label>
        {others.length > 0 && (
          <p className="small muted">
            Kept as it is, for it has no field here: {others.join(', ')}. Change it in the configuration as text.
          </p>
        )}
      </div>
    </details>
  )
}
