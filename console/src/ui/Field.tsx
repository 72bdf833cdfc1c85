/** A labelled input with its hint and its problem, tied together for screen readers. */
import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'

import { Icon } from './Icon'
import { Prose } from './Prose'

interface Common {
  label: string
  hint?: ReactNode
  problem?: string | undefined
  /** what is odd about it, and no mistake */
  warning?: string | undefined
}

type TextProps = Common & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }

export function TextField({ label, hint, problem, warning, ref, ...input }: TextProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      <input
        {...input}
        ref={ref}
        id={id}
        className="input"
        aria-invalid={problem !== undefined || undefined}
        aria-describedby={described(id, hint, problem ?? warning)}
      />
      <FieldProblem id={id} problem={problem} warning={warning} />
    </div>
  )
}

type AreaProps = Common & TextareaHTMLAttributes<HTMLTextAreaElement>

/** For a text that may have several lines. */
export function AreaField({ label, hint, problem, warning, ...area }: AreaProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      <textarea rows={2} {...area} id={id} className="input area" aria-invalid={problem !== undefined || undefined} aria-describedby={described(id, hint, problem ?? warning)} />
      <FieldProblem id={id} problem={problem} warning={warning} />
    </div>
  )
}

type SelectProps = Common & SelectHTMLAttributes<HTMLSelectElement>

export function SelectField({ label, hint, problem, warning, children, ...select }: SelectProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      <select {...select} id={id} className="input" aria-invalid={problem !== undefined || undefined} aria-describedby={described(id, hint, problem ?? warning)}>
        {children}
      </select>
      <FieldProblem id={id} problem={problem} warning={warning} />
    </div>
  )
}

function described(id: string, hint: ReactNode, problem: string | undefined): string | undefined {
  const ids = [hint === undefined ? '' : `${id}-hint`, problem === undefined ? '' : `${id}-problem`]
  return ids.filter((each) => each !== '').join(' ') || undefined
}

function FieldProblem({ id, problem, warning }: Pick<Common, 'problem' | 'warning'> & { id: string }) {
  const words = problem ?? warning
  return (
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
  )
}
