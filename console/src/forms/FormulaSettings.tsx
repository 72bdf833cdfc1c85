/** What a calculated tag is called, when it is computed, and what its value is. */
import { useId } from 'react'

import { formulaTypes, type FormulaForm } from '../lib/formula'
import { SelectField, TextField } from '../ui/Field'

interface Props {
  form: FormulaForm
  /** that the device's own part of the configuration has */
  groups: readonly { name: string; interval: string }[]
  /** its name until now; empty for a new one */
  original: string
  problems: ReadonlyMap<string, string>
  onChange: (part: Partial<FormulaForm>) => void
}

export function FormulaSettings({ form, groups, original, problems, onChange }: Props) {
  const id = useId()
  const text = (key: 'name' | 'newGroup' | 'interval' | 'unit' | 'description') => ({ value: form[key], problem: problems.get(key), autoComplete: 'off', onChange: (event: { target: { value: string } }) => onChange({ [key]: event.target.value }) })
  const plain = { autoCapitalize: 'none', spellCheck: false }
  const types = formulaTypes.includes(form.type) ? formulaTypes : [form.type, ...formulaTypes]
  return (
    <section className="panel formula-settings" aria-labelledby={id}>
      <header>
        <h2 id={id}>Tag</h2>
      </header>
      <div className="body form">
        <TextField label="Name" hint={original !== '' && form.name !== original ? `What was recorded so far stays under ${original}.` : 'Such as efficiency or steam_total'} {...plain} {...text('name')} />
        <div className="two-fields">
          <SelectField label="Type" hint="Of the value that it gives" value={form.type} onChange={(event) => onChange({ type: event.target.value })}>
            {types.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </SelectField>
          <TextField label="Unit (optional)" hint="Such as % or t/h" {...plain} {...text('unit')} />
        </div>
        <SelectField label="Group" hint="It is computed whenever its group is read, and stands in the same batch." value={form.group} onChange={(event) => onChange({ group: event.target.value })}>
          {groups.map((group) => (
            <option key={group.name} value={group.name}>
              {group.name}, every {group.interval}
            </option>
          ))}
          <option value="">A new group</option>
        </SelectField>
        {form.group === '' && (
          <div className="two-fields">
            <TextField label="Name of the new group" hint="Such as fast or slow" {...plain} {...text('newGroup')} />
            <TextField label="Interval" hint="Such as 500ms, 1s, 10s or 5m" {...plain} {...text('interval')} />
          </div>
        )}
        <TextField label="Description (optional)" maxLength={1_000} {...text('description')} />
      </div>
    </section>
  )
}
