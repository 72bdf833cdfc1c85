/** The one form for any component's settings: drawn from the fields that its schema describes. */
import { useId, useState } from 'react'
import { parse, stringify } from 'yaml'

import { chosenVariant, secretName, split, typedNumber, type Field, type Settings } from '../lib/settings'
import { Button } from '../ui/Button'
import { AreaField, SelectField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'
import { SecretField } from './SecretField'

interface Props {
  fields: Field[]
  /** what the component's example sets is asked beside what is required */
  example: Settings
  values: Settings
  onChange: (values: Settings) => void
  /** by path, as `problemsOf` tells them; empty until they shall be shown */
  problems: Map<string, string>
}

export function SettingsForm({ fields, example, values, onChange, problems }: Props) {
  // Which fields come first is settled when the form opens: a field does not wander while it is filled in.
  const [[first, more]] = useState(() => split(fields, example, values))
  const hidden = more.some((field) => [...problems.keys()].some((path) => path === field.name || path.startsWith(`${field.name}.`)))
  const group = (list: Field[]) => <FieldList fields={list} values={values} onChange={onChange} problems={problems} prefix="" />
  return (
    <div className="form settings-form">
      {group(first)}
      {more.length > 0 && (
        <details className="more-settings" open={hidden || undefined}>
          <summary>
            {more.length} more {more.length === 1 ? 'setting' : 'settings'}, with defaults
          </summary>
          <div className="form">{group(more)}</div>
        </details>
      )}
      {fields.length === 0 && <p className="muted">It has no settings.</p>}
    </div>
  )
}

interface ListProps {
  fields: Field[]
  values: Settings
  onChange: (values: Settings) => void
  problems: Map<string, string>
  prefix: string
}

function FieldList({ fields, values, onChange, problems, prefix }: ListProps) {
  return fields.map((field) => (
    <FieldInput
      key={field.name}
      field={field}
      value={values[field.name]}
      onChange={(value) => onChange({ ...values, [field.name]: value })}
      problems={problems}
      path={prefix + field.name}
    />
  ))
}

interface InputProps {
  field: Field
  value: unknown
  onChange: (value: unknown) => void
  problems: Map<string, string>
  path: string
}

/** `byte_order` as people say it; the name in the document stands in the hint. */
function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function FieldInput({ field, value, onChange, problems, path }: InputProps) {
  const problem = problems.get(path)
  const label = field.required ? labelOf(field.name) : `${labelOf(field.name)} (optional)`
  const hint = field.description === '' ? undefined : <Prose text={field.description} />
  const common = { label, hint, problem }
  const standard = field.standard === undefined ? '' : `default: ${field.standard}`
  switch (field.kind) {
    case 'switch':
      return <SwitchField {...common} field={field} value={value} onChange={onChange} />
    case 'integer':
    case 'number':
      return (
        <TextField
          {...common}
          inputMode={field.kind === 'integer' && (field.least ?? -1) >= 0 ? 'numeric' : 'decimal'}
          autoComplete="off"
          placeholder={standard}
          value={value === undefined ? '' : String(value)}
          onChange={(event) => onChange(typedNumber(event.target.value))}
        />
      )
    case 'duration':
    case 'text':
      return (
        <TextField
          {...common}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          placeholder={standard || (field.kind === 'text' && field.example !== undefined ? `such as ${field.example}` : field.kind === 'duration' ? 'such as 500ms or 5s' : '')}
          value={typeof value === 'string' ? value : ''}
          onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}
        />
      )
    case 'secret':
      return <SecretField {...common} value={secretName(value)} onChange={(name) => onChange(name === '' ? undefined : { secret: name })} />
    case 'words':
      return <WordsField {...common} value={value} onChange={onChange} />
    case 'choice':
      return <ChoiceField {...common} field={field} value={value} onChange={onChange} />
    case 'variant':
      return <VariantField field={field} value={value} onChange={onChange} problems={problems} path={path} />
    case 'object':
      return <ObjectField field={field} value={value} onChange={onChange} problems={problems} path={path} />
    case 'list':
      return <ListField field={field} value={value} onChange={onChange} problems={problems} path={path} />
    default:
      return <YamlField {...common} value={value} onChange={onChange} />
  }
}

interface PlainProps {
  label: string
  hint: React.ReactNode
  problem: string | undefined
  value: unknown
  onChange: (value: unknown) => void
}

function SwitchField({ label, hint, problem, field, value, onChange }: PlainProps & { field: Field }) {
  return (
    <SelectField label={label} hint={hint} problem={problem} value={value === undefined ? '' : String(value)} onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value === 'true')}>
      <option value="">{field.standard === undefined ? 'Not set' : `Default: ${field.standard === 'true' ? 'yes' : 'no'}`}</option>
      <option value="true">Yes</option>
      <option value="false">No</option>
    </SelectField>
  )
}

function ChoiceField({ label, hint, problem, field, value, onChange }: PlainProps & { field: Field & { kind: 'choice' } }) {
  const chosen = field.choices.find((choice) => choice.value === value)
  const meaning = chosen?.description ?? ''
  return (
    <SelectField
      label={label}
      hint={
        <>
          {hint}
          {meaning !== '' && (
            <>
              {' '}
              <strong>{String(chosen?.value)}</strong>: <Prose text={meaning} />
            </>
          )}
        </>
      }
      problem={problem}
      value={value === undefined ? '' : String(value)}
      onChange={(event) => onChange(field.choices.find((choice) => String(choice.value) === event.target.value)?.value)}
    >
      <option value="">{field.standard === undefined ? (field.required ? 'Choose one' : 'Not set') : `Default: ${field.standard}`}</option>
      {field.choices.map((choice) => (
        <option key={String(choice.value)} value={String(choice.value)}>
          {String(choice.value)}
        </option>
      ))}
    </SelectField>
  )
}

function VariantField({ field, value, onChange, problems, path }: InputProps & { field: Field & { kind: 'variant' } }) {
  const id = useId()
  const [variant, content] = chosenVariant(field.variants, value)
  const inside = variant?.field
  return (
    <fieldset className="sub-form" aria-describedby={variant === undefined ? undefined : id}>
      <legend>{labelOf(field.name)}</legend>
      <SelectField
        label={`Kind of ${labelOf(field.name).toLowerCase()}`}
        hint={field.description === '' ? undefined : <Prose text={field.description} />}
        problem={inside === undefined ? problems.get(path) : undefined}
        value={variant?.name ?? ''}
        onChange={(event) => {
          const next = field.variants.find((each) => each.name === event.target.value)
          onChange(next === undefined ? undefined : next.field === undefined ? next.name : { [next.name]: next.field.kind === 'object' ? {} : undefined })
        }}
      >
        <option value="">{field.standard === undefined ? (field.required ? 'Choose one' : 'Not set') : `Default: ${field.standard}`}</option>
        {field.variants.map((each) => (
          <option key={each.name} value={each.name}>
            {each.name}
          </option>
        ))}
      </SelectField>
      {variant !== undefined && variant.description !== '' && (
        <p className="small muted" id={id}>
          <Prose text={variant.description} />
        </p>
      )}
      {inside?.kind === 'object' && (
        <FieldList
          fields={inside.fields}
          values={(content ?? {}) as Settings}
          onChange={(next) => onChange({ [inside.name]: next })}
          problems={problems}
          prefix={`${path}.`}
        />
      )}
      {inside !== undefined && inside.kind !== 'object' && (
        <FieldInput field={inside} value={content} onChange={(next) => onChange({ [inside.name]: next })} problems={problems} path={path} />
      )}
    </fieldset>
  )
}

function ObjectField({ field, value, onChange, problems, path }: InputProps & { field: Field & { kind: 'object' } }) {
  const set = value !== undefined && value !== null
  return (
    <fieldset className="sub-form">
      <legend>{labelOf(field.name)}</legend>
      {field.description !== '' && (
        <p className="small muted">
          <Prose text={field.description} />
        </p>
      )}
      {!field.required && (
        <label className="checkbox">
          <input type="checkbox" checked={set} onChange={(event) => onChange(event.target.checked ? {} : undefined)} />
          Set {labelOf(field.name).toLowerCase()}
        </label>
      )}
      {(set || field.required) && (
        <FieldList fields={field.fields} values={(value ?? {}) as Settings} onChange={onChange} problems={problems} prefix={`${path}.`} />
      )}
    </fieldset>
  )
}

function ListField({ field, value, onChange, problems, path }: InputProps & { field: Field & { kind: 'list' } }) {
  const items: unknown[] = Array.isArray(value) ? value : []
  const change = (index: number, item: unknown) => onChange(items.map((each, at) => (at === index ? item : each)))
  return (
    <fieldset className="sub-form">
      <legend>{labelOf(field.name)}</legend>
      {field.description !== '' && (
        <p className="small muted">
          <Prose text={field.description} />
        </p>
      )}
      {items.map((item, index) => (
        // The place in the list is all the identity an item has.
        // oxlint-disable-next-line react/no-array-index-key
        <div className="list-item" key={index}>
          <FieldInput
            field={{ ...field.item, name: `${field.name} ${index + 1}`, required: true, description: '' }}
            value={item}
            onChange={(next) => change(index, next)}
            problems={problems}
            path={`${path}.${index}`}
          />
          <Button icon="close" kind="quiet" onClick={() => onChange(items.filter((_, at) => at !== index))}>
            Remove<span className="visually-hidden"> {labelOf(field.name)} {index + 1}</span>
          </Button>
        </div>
      ))}
      <div>
        <Button icon="plus" onClick={() => onChange([...items, field.item.kind === 'object' ? {} : ''])}>
          Add<span className="visually-hidden"> to {labelOf(field.name)}</span>
        </Button>
      </div>
      {problems.has(path) && (
        <span className="problem">
          <Icon name="warning" />
          {problems.get(path)}
        </span>
      )}
    </fieldset>
  )
}

/** Text, or a secret of the edge that holds it, such as an address that must stay unknown. */
function WordsField({ label, hint, problem, value, onChange }: PlainProps) {
  const secret = typeof value === 'object' && value !== null
  return (
    <fieldset className="sub-form">
      <legend>{label}</legend>
      <p className="small muted">{hint}</p>
      <label className="checkbox">
        <input type="checkbox" checked={secret} onChange={(event) => onChange(event.target.checked ? { secret: '' } : undefined)} />
        Held in a secret of the edge
      </label>
      {secret ? (
        <SecretField label="Secret" hint={undefined} problem={problem} value={secretName(value)} onChange={(name) => onChange({ secret: name })} />
      ) : (
        <TextField label="As text" aria-label={`${label} as text`} autoComplete="off" autoCapitalize="none" spellCheck={false} problem={problem} value={typeof value === 'string' ? value : ''} onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)} />
      )}
    </fieldset>
  )
}

/** What the form has no better field for is written as in the document. */
function YamlField({ label, hint, problem, value, onChange }: PlainProps) {
  const [text, setText] = useState(() => (value === undefined ? '' : stringify(value)))
  const [broken, setBroken] = useState<string | undefined>()
  return (
    <AreaField
      label={label}
      hint={<>{hint} Written as YAML.</>}
      className=""
      rows={4}
      spellCheck={false}
      problem={broken ?? problem}
      value={text}
      onChange={(event) => {
        setText(event.target.value)
        try {
          onChange(event.target.value.trim() === '' ? undefined : parse(event.target.value))
          setBroken(undefined)
        } catch {
          setBroken('This is not YAML yet: check the indentation and the colons.')
        }
      }}
    />
  )
}
