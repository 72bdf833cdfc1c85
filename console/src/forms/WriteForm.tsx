/** Writing a value to a device, in two deliberate steps, and what became of it. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'

import { api } from '../api/client'
import { queryClient } from '../api/queries'
import type { Command, Tag } from '../api/types'
import { Failure } from '../components/Failure'
import { useLiveValue } from '../hooks/useLive'
import { useMe } from '../hooks/useMe'
import { ended, outcome } from '../lib/command'
import { enteredValue, type Entered } from '../lib/numbers'
import { whyNot } from '../lib/roles'
import { withUnit } from '../lib/tag'
import { clockMs } from '../lib/time'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { Notice, type Tone } from '../ui/Notice'

export function WriteForm({ tag }: { tag: Tag }) {
  const me = useMe()
  const heading = useId()
  const live = useLiveValue(tag.device, tag.name)
  const current = live?.text ?? tag.text
  const [typed, setTyped] = useState('')
  const [tried, setTried] = useState(false)
  const [confirming, setConfirming] = useState(false)
  const entered = enteredValue(typed, tag.type, tag.range)
  const write = useMutation({
    mutationFn: (json: string) =>
      api.write({ id: randomId(), device: tag.device, tag: tag.name, value: json }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['commands'] }),
  })
  const denied = whyNot(me.role, 'operator', 'Writing')
  const hint = tag.range === undefined ? undefined : `Allowed: ${tag.range[0]} to ${withUnit(String(tag.range[1]), tag.unit)}`
  const label = tag.unit === undefined ? 'New value' : `New value in ${tag.unit}`
  return (
    <section aria-labelledby={heading}>
      <h3 id={heading}>Write</h3>
      <form
        className="write-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (denied === undefined && entered.ok) setConfirming(true)
        }}
      >
        {tag.type === 'bool' ? (
          <SelectField label={label} value={typed} onChange={(event) => setTyped(event.target.value)}>
            <option value="">Choose…</option>
            <option value="true">on (true)</option>
            <option value="false">off (false)</option>
          </SelectField>
        ) : (
          <TextField
            label={label}
            hint={hint}
            inputMode={tag.type === 'text' ? 'text' : 'decimal'}
            autoComplete="off"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            problem={tried && !entered.ok ? entered.problem : undefined}
          />
        )}
        <Button type="submit" busy={write.isPending} whyNot={denied}>
          Review…
        </Button>
      </form>
      <div aria-live="assertive">
        {write.isPending && <p role="status">Sending to {tag.device}…</p>}
        {write.error !== null && <Failure error={write.error} />}
        {write.data !== undefined && !write.isPending && <Result command={write.data} unit={tag.unit} />}
      </div>
      {confirming && entered.ok && (
        <Confirm
          tag={tag}
          current={current}
          entered={entered}
          onClose={() => setConfirming(false)}
          onWrite={() => {
            setConfirming(false)
            setTried(false)
            setTyped('')
            write.mutate(entered.json)
          }}
        />
      )}
    </section>
  )
}

interface ConfirmProps {
  tag: Tag
  current: string | null
  entered: Extract<Entered, { ok: true }>
  onClose: () => void
  onWrite: () => void
}

function Confirm({ tag, current, entered, onClose, onWrite }: ConfirmProps) {
  const sentence = `Write ${withUnit(entered.text, tag.unit)} to ${tag.device} / ${tag.name}`
  return (
    <Dialog
      title={sentence}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Do not write</Button>
          <Button kind="primary" onClick={onWrite}>
            Write {withUnit(entered.text, tag.unit)} now
          </Button>
        </>
      }
    >
      <div className="before-after">
        <div>
          <span className="muted small">Now</span>
          <strong>{withUnit(current, tag.unit)}</strong>
        </div>
        <span className="arrow" aria-hidden="true">
          →
        </span>
        <div>
          <span className="muted small">New</span>
          <strong>{withUnit(entered.text, tag.unit)}</strong>
        </div>
      </div>
      {tag.description !== undefined && <p>{tag.description}</p>}
      <ul className="plain-list">
        {tag.range !== undefined && (
          <li>
            Within the allowed range of {tag.range[0]} to {withUnit(String(tag.range[1]), tag.unit)}.
          </li>
        )}
        <li>The value goes to the device once, and is never sent again by itself.</li>
        <li>If the device cannot be reached within 10 s, nothing is sent.</li>
        <li>Your name, the old and the new value are recorded.</li>
      </ul>
    </Dialog>
  )
}

function Result({ command, unit }: { command: Command; unit: string | undefined }) {
  // Still under way when the edge answered: ask until it has ended.
  const followed = useQuery({
    queryKey: ['command', command.id],
    queryFn: ({ signal }) => api.command(command.id, signal),
    initialData: command,
    enabled: !ended(command),
    refetchInterval: (query) => (query.state.data !== undefined && ended(query.state.data) ? false : 500),
  })
  const last = followed.data
  const { title, advice, tone } = outcome(last)
  const noticeTone: Tone = tone === 'off' ? 'info' : tone
  return (
    <Notice tone={noticeTone} title={title}>
      <span>
        {withUnit(last.text, unit)}
        {last.ended_at !== undefined && ` at ${clockMs(last.ended_at)}`}
        {last.reason !== undefined && `: ${last.reason}`}
      </span>
      {advice !== '' && <span>{advice}</span>}
    </Notice>
  )
}

/** Not `crypto.randomUUID`, which exists only where the page came over TLS or from this very machine. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
