/** A value to compare with: a state, a number or a text, of which all digits stay. */
import type { Compared } from '../lib/alarmForm'
import { SelectField, TextField } from '../ui/Field'

interface Props {
  label: string
  /** of the number */
  unit?: string
  value: Compared
  problem: string | undefined
  warning?: string | undefined
  onChange: (value: Compared) => void
}

const words: Record<Compared['kind'], string> = { true: 'true (on)', false: 'false (off)', number: 'a number', text: 'a text' }

export function ComparedField({ label, unit = '', value, problem, warning, onChange }: Props) {
  const plain = value.kind === 'true' || value.kind === 'false'
  return (
    <div className="rule-fields">
      <SelectField label={label} problem={plain ? problem : undefined} warning={plain ? warning : undefined} value={value.kind} onChange={(event) => onChange({ ...value, kind: event.target.value as Compared['kind'] })}>
        {Object.entries(words).map(([kind, word]) => (
          <option key={kind} value={kind}>
            {word}
          </option>
        ))}
      </SelectField>
      {!plain && (
        <TextField
          label={`${value.kind === 'number' ? 'Number' : 'Text'}${unit === '' || value.kind === 'text' ? '' : ` in ${unit}`}`}
          aria-label={`${label}: ${value.kind}`}
          inputMode={value.kind === 'number' ? 'decimal' : 'text'}
          autoComplete="off"
          value={value.text}
          problem={problem}
          warning={warning}
          onChange={(event) => onChange({ ...value, text: event.target.value })}
        />
      )}
    </div>
  )
}
