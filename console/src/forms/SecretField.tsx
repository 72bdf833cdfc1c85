/** A setting that is secret: one of the stored ones, or a new one, stored in place. Its value is never shown. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'

import { api } from '../api/client'
import { queryClient, secretsQuery } from '../api/queries'
import { Failure } from '../components/Failure'
import { useMe } from '../hooks/useMe'
import { nameProblem } from '../lib/naming'
import { may, whyNot } from '../lib/roles'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'

interface Props {
  label: string
  hint: React.ReactNode
  value: string
  onChange: (secret: string) => void
  problem?: string | undefined
}

export function SecretField({ label, hint, value, onChange, problem }: Props) {
  const me = useMe()
  const engineer = may(me.role, 'engineer')
  const secrets = useQuery({ ...secretsQuery, enabled: engineer })
  const [adding, setAdding] = useState(false)
  const names = secrets.data?.items.map((secret) => secret.name) ?? []
  const unknown = value !== '' && secrets.data !== undefined && !names.includes(value)
  return (
    <div className="secret-field">
      <SelectField
        label={label}
        hint={hint}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        problem={problem ?? (unknown ? `The edge holds no secret ${value}. Set it, or choose another.` : undefined)}
      >
        <option value="">{names.length === 0 ? 'No secret is stored yet' : 'Choose a stored secret'}</option>
        {(unknown ? [value, ...names] : names).map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </SelectField>
      {adding ? (
        <NewSecret
          suggested={unknown ? value : ''}
          onClose={() => setAdding(false)}
          onStored={(name) => {
            setAdding(false)
            onChange(name)
          }}
        />
      ) : (
        <Button icon="lock" onClick={() => setAdding(true)} whyNot={whyNot(me.role, 'admin', 'Setting a secret')}>
          Set a new secret<span className="visually-hidden"> for {label}</span>
        </Button>
      )}
    </div>
  )
}

interface NewProps {
  suggested: string
  onClose: () => void
  onStored: (name: string) => void
}

function NewSecret({ suggested, onClose, onStored }: NewProps) {
  const id = useId()
  const [name, setName] = useState(suggested)
  const [value, setValue] = useState('')
  const [tried, setTried] = useState(false)
  const store = useMutation({
    mutationFn: () => api.setSecret(name, value),
    onSuccess: async () => {
      await queryClient.invalidateQueries(secretsQuery)
      onStored(name)
    },
  })
  const submit = () => {
    setTried(true)
    if (nameProblem(name) === undefined && value !== '') store.mutate()
  }
  return (
    <div className="sub-form" role="group" aria-labelledby={id}>
      <h4 id={id}>New secret</h4>
      {store.error !== null && <Failure error={store.error} />}
      <TextField
        label="Name of the secret"
        hint="The configuration holds this name only."
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
        problem={tried ? nameProblem(name) : undefined}
      />
      <TextField
        label="Secret value"
        hint="Kept encrypted on the edge; nobody can read it back."
        type="password"
        autoComplete="new-password"
        value={value}
        onChange={(event) => setValue(event.target.value)}
        problem={tried && value === '' ? 'Enter the value.' : undefined}
      />
      <div className="buttons">
        <Button kind="primary" busy={store.isPending} onClick={submit}>
          Store the secret
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </div>
  )
}
