/** A range of one's own: from when, and until when, in the reader's own zone. */
import { useId, useState } from 'react'

import { localTime } from '../../lib/time'
import type { View } from '../../lib/trend'
import { Button } from '../../ui/Button'
import { TextField } from '../../ui/Field'

export function OwnRange({ view, own, onRange }: { view: View; own: boolean; onRange: (view: View) => void }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  return (
    <div className="own-range">
      <button type="button" className={own ? 'button chosen' : 'button'} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        Own range…
      </button>
      {open && (
        <div id={id} className="own-range-form">
          <RangeForm
            view={view}
            onRange={(next) => {
              setOpen(false)
              onRange(next)
            }}
          />
        </div>
      )}
    </div>
  )
}

function RangeForm({ view, onRange }: { view: View; onRange: (view: View) => void }) {
  const [from, setFrom] = useState(() => localTime(view.from))
  const [to, setTo] = useState(() => localTime(view.to))
  const [tried, setTried] = useState(false)
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const problem = !Number.isFinite(start) || !Number.isFinite(end) ? 'Enter a day and a time in both fields.' : end - start < 2_000 ? 'The end must lie at least two seconds after the beginning.' : undefined
  return (
    <form
      className="own-range-fields"
      onSubmit={(event) => {
        event.preventDefault()
        setTried(true)
        if (problem === undefined) onRange({ from: start, to: end })
      }}
    >
      <TextField label="From" type="datetime-local" step={1} value={from} onChange={(event) => setFrom(event.target.value)} />
      <TextField label="To" type="datetime-local" step={1} value={to} problem={tried ? problem : undefined} onChange={(event) => setTo(event.target.value)} />
      <Button kind="primary" type="submit">
        Show
      </Button>
    </form>
  )
}
