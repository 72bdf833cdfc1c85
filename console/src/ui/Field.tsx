/** A labelled input with its hint and its problem, tied together for screen readers. */
import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'

import { Icon } from './Icon'
import { Prose } from './Prose'

interface Labels {
  label: string
  hint?: ReactNode
  problem?: string | undefined
  /** what is odd about it, and no mistake */
  warning?: string | undefined
}

type TextProps = Labels & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }

export function TextField({ label, hint, problem, warning, ...input }: TextProps) {
  return <Field {...{ label, hint, problem, warning }} renderInput={(tied) => <input {...input} {...tied} className="input" />} />
}

/** For a text that may have several lines: for people, unless `className` says otherwise. */
export function AreaField({ label, hint, problem, warning, className = 'area', ...area }: Labels & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <Field {...{ label, hint, problem, warning }} renderInput={(tied) => <textarea rows={2} {...area} {...tied} className={`input ${className}`} />} />
}

export function SelectField({ label, hint, problem, warning, ...select }: Labels & SelectHTMLAttributes<HTMLSelectElement>) {
  return <Field {...{ label, hint, problem, warning }} renderInput={(tied) => <select {...select} {...tied} className="input" />} />
}

type Tied = Pick<InputHTMLAttributes<HTMLElement>, 'id' | 'aria-invalid' | 'aria-describedby'>

function Field({ label, hint, problem, warning, renderInput }: Labels & { renderInput: (tied: Tied) => ReactNode }) {
  const id = useId()
  const words = problem ?? warning
  const described = [hint === undefined ? '' : `${id}-hint`, words === undefined ? '' : `${id}-problem`].join(' ').trim()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {renderInput({ id, 'aria-invalid': problem !== undefined || undefined, 'aria-describedby': described || undefined })}
      <span aria-live="polite">
        {words !== undefined && (
          <span className={problem === undefined ? 'problem is-warning' : 'problem'} id={`${id}-problem`}>
            <Icon name="warning" />
            <span>
              <Prose text={words} />
            </span>
          </span>
        )}
      </span>
    </div>
  )
}
