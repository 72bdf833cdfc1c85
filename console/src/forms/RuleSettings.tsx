/** The settings of a rule beside its SQL. */
import { useId } from 'react'

import { ruleStages, type RuleColumn } from '../api/rules'
import type { Problems, RuleForm } from '../lib/ruleForm'
import { stageMeanings, stageWords } from '../lib/rules'
import { TextField } from '../ui/Field'
import { RuleActions } from './RuleActions'

interface Props {
  form: RuleForm
  /** what the query gives */
  columns: RuleColumn[]
  problems: Problems
  fresh: boolean
  onChange: (part: Partial<RuleForm>) => void
}

export function RuleSettings({ form, columns, problems, fresh, onChange }: Props) {
  const id = useId()
  const withUnits = [...new Set([...columns.map((each) => each.name), ...Object.keys(form.units)])]
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>Settings</h2>
      </header>
      <div className="body form rule-settings">
        {fresh && (
          <TextField
            label="Name"
            hint="Also of the table that it gives, and for good: choose one that tells what it is."
            autoComplete="off"
            spellCheck={false}
            maxLength={128}
            value={form.name}
            problem={problems.get('name')}
            onChange={(event) => onChange({ name: event.target.value.trim() })}
          />
        )}
        <fieldset className="rule-stages">
          <legend>Stage</legend>
          {ruleStages.map((stage) => (
            <div key={stage} className={form.stage === stage ? 'rule-stage chosen' : 'rule-stage'}>
              <label>
                <input type="radio" name={id} aria-describedby={`${id}-${stage}`} checked={form.stage === stage} onChange={() => onChange({ stage })} />
                {stageWords[stage]}
              </label>
              <span className="sub" id={`${id}-${stage}`}>
                {stageMeanings[stage]}
              </span>
            </div>
          ))}
        </fieldset>
        <TextField label="Text (optional)" hint="What it is for." maxLength={1_000} value={form.text} onChange={(event) => onChange({ text: event.target.value })} />
        <div className="rule-fields">
          <TextField label="Labels (optional)" hint="To find and group rules; commas between them." autoComplete="off" value={form.labels} problem={problems.get('labels')} onChange={(event) => onChange({ labels: event.target.value })} />
          <TextField label="Lateness" hint="How long a window waits for rows that come late." placeholder="200ms" autoComplete="off" value={form.lateness} problem={problems.get('lateness')} onChange={(event) => onChange({ lateness: event.target.value })} />
        </div>
        {withUnits.length > 0 && (
          <div role="group" aria-label="Units" className="form">
            <h3>Units of the columns</h3>
            <div className="rule-units">
              {withUnits.map((column) => (
                <TextField
                  key={column}
                  label={column}
                  aria-label={`Unit of ${column}`}
                  autoComplete="off"
                  maxLength={64}
                  value={form.units[column] ?? ''}
                  onChange={(event) => onChange({ units: { ...form.units, [column]: event.target.value } })}
                />
              ))}
            </div>
          </div>
        )}
        <h3>Actions</h3>
        <RuleActions actions={form.actions} columns={columns} problems={problems} onChange={(actions) => onChange({ actions })} />
      </div>
    </section>
  )
}
