/** A new API token; its text is shown once. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { queryClient, tokensQuery } from '../api/queries'
import type { Role } from '../api/types'
import { Failure } from '../components/Failure'
import { roleMeanings, roles } from '../lib/roles'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'

const lifetimes: [string, number | undefined][] = [
  ['30 days', 30 * 86_400_000],
  ['90 days', 90 * 86_400_000],
  ['1 year', 365 * 86_400_000],
  ['never', undefined],
]

export function AddToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [lifetime, setLifetime] = useState('90 days')
  const [tried, setTried] = useState(false)
  const add = useMutation({
    mutationFn: () => {
      const expires = lifetimes.find(([label]) => label === lifetime)?.[1]
      return api.addToken(expires === undefined ? { name, role } : { name, role, expires_in_ms: expires })
    },
    onSuccess: () => queryClient.invalidateQueries(tokensQuery),
  })
  if (add.data !== undefined) {
    return (
      <Dialog title="Copy the token now" onClose={onClose} foot={<Button kind="primary" onClick={onClose}>I have copied it</Button>}>
        <Notice tone="warn" title="It is shown this once">
          <span>The edge keeps only its fingerprint. If it is lost, remove it and add another.</span>
        </Notice>
        <TextField label={`Token ${name}`} value={add.data.token} readOnly spellCheck={false} onFocus={(event) => event.target.select()} />
        <p className="small muted">
          Send it as <code>Authorization: Bearer …</code>
        </p>
      </Dialog>
    )
  }
  const submit = () => {
    setTried(true)
    if (name.trim() !== '') add.mutate()
  }
  return (
    <Dialog
      title="Add an API token"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={add.isPending} onClick={submit}>
            Add token
          </Button>
        </>
      }
    >
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        {add.error !== null && <Failure error={add.error} />}
        <TextField
          label="Name"
          hint="What it is for, such as grafana"
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
          problem={tried && name.trim() === '' ? 'Enter a name.' : undefined}
        />
        <SelectField
          label="Role"
          hint={`${role}: ${roleMeanings[role]}. Give the least that does.`}
          value={role}
          onChange={(event) => setRole(roles.find((each) => each === event.target.value) ?? 'viewer')}
        >
          {roles.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </SelectField>
        <SelectField label="Expires after" value={lifetime} onChange={(event) => setLifetime(event.target.value)}>
          {lifetimes.map(([label]) => (
            <option key={label} value={label}>
              {label}
            </option>
          ))}
        </SelectField>
      </form>
    </Dialog>
  )
}
