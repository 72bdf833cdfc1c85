/** The way to take one item out of the configuration. */
import { useState, type ReactNode } from 'react'

import { saveForm } from '../lib/formStore'
import { Button } from '../ui/Button'
import { ReviewEdit } from './ReviewEdit'

interface Props {
  /** such as `alarm` */
  what: string
  name: string
  /** its name in all of the configuration, where that is longer */
  path?: string
  /** the text without it */
  without: (text: string) => string
  /** where to go then */
  to: string
  /** what comes of it */
  children: ReactNode
}

export function RemoveItem({ what, name, path = name, without, to, children }: Props) {
  const [review, setReview] = useState(false)
  return (
    <section className="panel" aria-labelledby={`remove-${what}`}>
      <header>
        <h2 id={`remove-${what}`}>Remove this {what}</h2>
      </header>
      <div className="body form">
        <p>{children}</p>
        <div>
          <Button kind="danger" onClick={() => setReview(true)}>
            Remove {name}…
          </Button>
        </div>
      </div>
      {review && (
        <ReviewEdit
          edit={(running) => without(running?.text ?? '')}
          comment={`Remove ${what} ${path}`}
          to={to}
          gone={name}
          onClose={() => setReview(false)}
          // Its form is not there any more to be filled in.
          onSaved={() => saveForm(`${what} ${path}`, undefined)}
          onDiscarded={() => {}}
        />
      )}
    </section>
  )
}
