/** What a rule does beside storing its rows: alarms and writes, each on a column of its query. */
import { useQuery } from '@tanstack/react-query'
import { useId } from 'react'

import { alarmPriorities } from '../api/alarms'
import { api } from '../api/client'
import type { RuleAction, RuleAlarm, RuleColumn, RuleWrite } from '../api/rules'
import { useSettled } from '../hooks/useSettled'
import type { Problems } from '../lib/ruleForm'
import { isBoolean } from '../lib/rules'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'
import { Prose } from '../ui/Prose'

interface Props {
  actions: RuleAction[]
  columns: RuleColumn[]
  problems: Problems
  onChange: (actions: RuleAction[]) => void
}

export function RuleActions({ actions, columns, problems, onChange }: Props) {
  const put = (index: number, action: RuleAction) => onChange(actions.map((each, at) => (at === index ? action : each)))
  return (
    <div className="form" role="group" aria-label="Actions">
      {actions.length === 0 && <p className="muted">None: the rule stores its rows, and does nothing else.</p>}
      {actions.map((action, index) => {
        const what = 'alarm' in action ? 'Alarm' : 'Write'
        const problem = (field: string) => problems.get(`${index}.${field}`)
        return (
          // Actions have no name of their own; they stay in their order.
          // oxlint-disable-next-line react/no-array-index-key
          <fieldset key={index} className="sub-form">
            <legend>
              {what} {index + 1}
            </legend>
            {'alarm' in action ? (
              <AlarmFields alarm={action.alarm} columns={columns} problem={problem} onChange={(alarm) => put(index, { alarm })} />
            ) : (
              <WriteFields write={action.write} columns={columns} problem={problem} onChange={(write) => put(index, { write })} />
            )}
            <div>
              <Button onClick={() => onChange(actions.filter((_, at) => at !== index))}>
                Remove {what.toLowerCase()} {index + 1}
              </Button>
            </div>
          </fieldset>
        )
      })}
      {problems.get('actions') !== undefined && <p className="problem">{problems.get('actions')}</p>}
      <div className="buttons">
        <Button icon="plus" onClick={() => onChange([...actions, { alarm: { column: columns.find((each) => isBoolean(each.data_type))?.name ?? '', priority: 'medium' } }])}>
          Add an alarm
        </Button>
        <Button icon="plus" onClick={() => onChange([...actions, { write: { column: columns.find((each) => !isBoolean(each.data_type))?.name ?? '', tag: '' } }])}>
          Add a write
        </Button>
      </div>
    </div>
  )
}

interface ColumnProps {
  label: string
  hint: string
  value: string
  columns: RuleColumn[]
  problem: string | undefined
  onChange: (column: string) => void
}

function ColumnField({ label, hint, value, columns, problem, onChange }: ColumnProps) {
  const names = columns.map((each) => each.name)
  return (
    <SelectField label={label} hint={hint} value={value} problem={problem} onChange={(event) => onChange(event.target.value)}>
      {value === '' && <option value="">Choose a column</option>}
      {(value === '' || names.includes(value) ? names : [value, ...names]).map((name) => (
        <option key={name}>{name}</option>
      ))}
    </SelectField>
  )
}

interface FieldsProps {
  columns: RuleColumn[]
  problem: (field: string) => string | undefined
}

function AlarmFields({ alarm, columns, problem, onChange }: FieldsProps & { alarm: RuleAlarm; onChange: (alarm: RuleAlarm) => void }) {
  const text = (key: 'name' | 'text' | 'response' | 'on_delay' | 'off_delay') => ({ value: alarm[key] ?? '', problem: problem(key), onChange: (event: { target: { value: string } }) => onChange({ ...alarm, [key]: event.target.value }) })
  const fits = columns.filter((each) => isBoolean(each.data_type))
  return (
    <>
      <ColumnField label="Column" hint="Of true and false: the alarm is raised while it is true." value={alarm.column} columns={fits} problem={problem('column')} onChange={(column) => onChange({ ...alarm, column })} />
      {fits.length === 0 && (
        <p className="small muted">
          <Prose text="The query has no such column yet. Compare a value in it, such as `temperature > 90 AS hot`." />
        </p>
      )}
      <div className="rule-fields">
        <SelectField label="Priority" value={alarm.priority ?? 'medium'} onChange={(event) => onChange({ ...alarm, priority: event.target.value })}>
          {alarmPriorities.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </SelectField>
        <TextField label="Name (optional)" hint="Unless told, that of the rule." autoComplete="off" {...text('name')} />
      </div>
      <TextField label="Text (optional)" hint="What it means." maxLength={1_000} {...text('text')} />
      <TextField label="Response (optional)" hint="What to do then." maxLength={1_000} {...text('response')} />
      <div className="rule-fields">
        <TextField label="Delay before it is raised" placeholder="0s" autoComplete="off" {...text('on_delay')} />
        <TextField label="Delay before it is over" placeholder="0s" autoComplete="off" {...text('off_delay')} />
      </div>
      <label className="checkbox">
        <input type="checkbox" checked={alarm.latching === true} onChange={(event) => onChange({ ...alarm, latching: event.target.checked })} />
        Stays until somebody resets it
      </label>
    </>
  )
}

const tagsShown = 50

function WriteFields({ write, columns, problem, onChange }: FieldsProps & { write: RuleWrite; onChange: (write: RuleWrite) => void }) {
  const id = useId()
  const wanted = useSettled(write.tag.trim())
  const filter = wanted.slice(wanted.indexOf('/') + 1)
  const found = useQuery({ queryKey: ['find-tags', '', filter], queryFn: ({ signal }) => api.allTags({ filter: filter === '' ? undefined : filter, limit: 1_000 }, signal), staleTime: 10_000 })
  const writable = (found.data?.items ?? []).filter((tag) => tag.access !== 'read').slice(0, tagsShown)
  return (
    <>
      <ColumnField label="Column" hint="Its value is written for every row where it is not NULL." value={write.column} columns={columns} problem={problem('column')} onChange={(column) => onChange({ ...write, column })} />
      <TextField label="Tag" hint="A device and its tag that can be written, such as boiler-1/pressure_setpoint." list={id} autoComplete="off" value={write.tag} problem={problem('tag')} onChange={(event) => onChange({ ...write, tag: event.target.value.trim() })} />
      <datalist id={id}>
        {writable.map((tag) => (
          <option key={`${tag.device}/${tag.name}`}>{`${tag.device}/${tag.name}`}</option>
        ))}
      </datalist>
      <TextField label="Given up after" hint="A value that could not be written by then is not written late." placeholder="10s" autoComplete="off" value={write.expires ?? ''} problem={problem('expires')} onChange={(event) => onChange({ ...write, expires: event.target.value })} />
    </>
  )
}
