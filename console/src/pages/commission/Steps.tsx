/** Where one is on the way to a new device, and the way back. */
import { useLayoutEffect, useRef, type ReactNode } from 'react'
import { Link, useSearchParams } from 'react-router'

import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

export interface Step {
  key: string
  title: string
  /** why the steps after it cannot be taken yet */
  missing: string | undefined
}

/** The step of the address, or the first that is not done when the address runs ahead. */
export function useStep(steps: Step[]): [Step, (key: string) => void] {
  const [search, setSearch] = useSearchParams()
  const wanted = steps.findIndex((step) => step.key === search.get('step'))
  const open = steps.findIndex((step) => step.missing !== undefined)
  const reachable = open < 0 ? steps.length - 1 : open
  const at = Math.min(Math.max(0, wanted), reachable)
  const step = steps[at] ?? { key: '', title: '', missing: undefined }
  return [
    step,
    (key) =>
      setSearch((before) => {
        before.set('step', key)
        return before
      }),
  ]
}

export function StepList({ steps, current }: { steps: Step[]; current: Step }) {
  const [search] = useSearchParams()
  const open = steps.findIndex((step) => step.missing !== undefined)
  return (
    <nav aria-label="Steps">
      <ol className="steps">
        {steps.map((step, index) => {
          const params = new URLSearchParams(search)
          params.set('step', step.key)
          const reachable = open < 0 || index <= open
          const done = step.missing === undefined && index < steps.indexOf(current)
          return (
            <li key={step.key} className={step === current ? 'current' : done ? 'done' : ''}>
              {reachable ? (
                <Link to={{ search: params.toString() }} aria-current={step === current ? 'step' : undefined}>
                  <span className="step-number">{done ? <Icon name="check" /> : index + 1}</span>
                  {step.title}
                </Link>
              ) : (
                <span>
                  <span className="step-number">{index + 1}</span>
                  {step.title}
                </span>
              )}
            </li>
          )
        })}
      </ol>
    </nav>
  )
}

interface StepProps {
  title: string
  lead?: ReactNode
  children: ReactNode
  foot: ReactNode
}

/** The heading takes the focus, as that of a new page would: at once, or what is typed into a field that shows already
 * would end there. */
export function StepPanel({ title, lead, children, foot }: StepProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    heading.current?.focus()
    window.scrollTo(0, 0)
  }, [])
  return (
    <section className="step" aria-labelledby="step-title">
      <div>
        <h2 id="step-title" ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {lead !== undefined && <p className="muted">{lead}</p>}
      </div>
      {children}
      <div className="step-foot">{foot}</div>
    </section>
  )
}

interface FootProps {
  steps: Step[]
  current: Step
  go: (key: string) => void
  /** runs before the next step; `false` keeps the reader here */
  before?: () => boolean
  next?: ReactNode
}

export function StepFoot({ steps, current, go, before, next }: FootProps) {
  const at = steps.indexOf(current)
  const previous = steps[at - 1]
  const following = steps[at + 1]
  return (
    <>
      {previous !== undefined && (
        <Button icon="left" onClick={() => go(previous.key)}>
          Back
        </Button>
      )}
      {next}
      {following !== undefined && (
        <Button
          kind="primary"
          onClick={() => {
            if (before?.() !== false && current.missing === undefined) go(following.key)
          }}
          whyNot={before === undefined ? current.missing : undefined}
        >
          Next: {following.title.toLowerCase()}
        </Button>
      )}
    </>
  )
}
