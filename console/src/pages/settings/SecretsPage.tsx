/** Secrets by their names: who uses them, set anew, removed. A value goes in and never comes out. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import { queryClient, secretsQuery } from '../../api/queries'
import type { Secret } from '../../api/types'
import { Failure } from '../../components/Failure'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { SettingsTabs } from '../../components/Tabs'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { nameProblem } from '../../lib/naming'
import { whyNot } from '../../lib/roles'
import { moment } from '../../lib/time'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { TextField } from '../../ui/Field'

type Open = { kind: 'set'; name: string | undefined } | { kind: 'remove'; secret: Secret } | undefined

export function SecretsPage() {
  useTitle('Secrets')
  return (
    <div className="page">
      <PageHead title="Secrets" lead="Passwords and keys that devices and sinks need. The configuration holds their names only; the values are kept encrypted on the edge and cannot be read back." />
      <SettingsTabs />
      <NeedsRole needed="engineer" what="Seeing the names of secrets">
        <SecretList />
      </NeedsRole>
    </div>
  )
}

function SecretList() {
  const me = useMe()
  const secrets = useQuery(secretsQuery)
  const [open, setOpen] = useState<Open>()
  const cannot = whyNot(me.role, 'admin', 'Setting a secret')
  const items = secrets.data?.items ?? []
  return (
    <section className="panel" aria-labelledby="secrets">
      <header>
        <h2 id="secrets">Stored</h2>
        <Button icon="plus" onClick={() => setOpen({ kind: 'set', name: undefined })} whyNot={cannot}>
          Add a secret
        </Button>
      </header>
      {secrets.error !== null && (
        <div className="body">
          <Failure error={secrets.error} />
        </div>
      )}
      {secrets.data !== undefined && items.length === 0 && (
        <p className="body">
          None is stored yet. Add one, then name it where it is needed: <code>{'password: { secret: NAME }'}</code>. The form of a device offers it by itself.
        </p>
      )}
      {items.length > 0 && (
        <table className="table accounts">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Used by</th>
              <th scope="col">Changed</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((secret) => (
              <tr key={secret.name}>
                <th scope="row" className="cell-name">
                  {secret.name}
                </th>
                <td className="places-list">{secret.used_by.length === 0 ? <span className="muted">nothing</span> : secret.used_by.map((place) => <code key={place}>{place}</code>)}</td>
                <td className="muted">
                  {moment(secret.changed_at)} by {secret.changed_by}
                </td>
                <td className="row-actions">
                  <Button kind="quiet" onClick={() => setOpen({ kind: 'set', name: secret.name })}>
                    Set anew<span className="visually-hidden"> {secret.name}</span>
                  </Button>
                  <Button kind="quiet" onClick={() => setOpen({ kind: 'remove', secret })}>
                    Remove<span className="visually-hidden"> {secret.name}</span>
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {open?.kind === 'set' && <SetSecret name={open.name} taken={items.map((secret) => secret.name)} cannot={cannot} onClose={() => setOpen(undefined)} />}
      {open?.kind === 'remove' && <RemoveSecret secret={open.secret} cannot={whyNot(me.role, 'admin', 'Removing a secret')} onClose={() => setOpen(undefined)} />}
    </section>
  )
}

interface SetProps {
  name: string | undefined
  taken: string[]
  cannot: string | undefined
  onClose: () => void
}

function SetSecret({ name: present, taken, cannot, onClose }: SetProps) {
  const [name, setName] = useState(present ?? '')
  const [value, setValue] = useState('')
  const [tried, setTried] = useState(false)
  const store = useMutation({
    mutationFn: () => api.setSecret(name, value),
    onSuccess: async () => {
      await queryClient.invalidateQueries(secretsQuery)
      onClose()
    },
  })
  const wrongName = nameProblem(name) ?? (present === undefined && taken.includes(name) ? 'There is a secret of this name. Close this, and set it anew in the list.' : undefined)
  const submit = () => {
    setTried(true)
    if (wrongName === undefined && value !== '' && cannot === undefined) store.mutate()
  }
  return (
    <Dialog
      title={present === undefined ? 'Add a secret' : `Set ${present} anew`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={store.isPending} onClick={submit} whyNot={cannot}>
            Store the secret
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
        {store.error !== null && <Failure error={store.error} />}
        {present === undefined ? (
          <TextField label="Name" hint="Letters, digits and . _ - such as press-opcua" autoComplete="off" autoCapitalize="none" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} problem={tried ? wrongName : undefined} />
        ) : (
          <p>What uses it connects again with the new value.</p>
        )}
        <TextField label="Value" hint="At most 64 kB. It is not shown again." type="password" autoComplete="new-password" value={value} onChange={(event) => setValue(event.target.value)} problem={tried && value === '' ? 'Enter the value.' : undefined} />
        <button type="submit" className="visually-hidden" tabIndex={-1} aria-hidden="true">
          Store
        </button>
      </form>
    </Dialog>
  )
}

function RemoveSecret({ secret, cannot, onClose }: { secret: Secret; cannot: string | undefined; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: () => api.removeSecret(secret.name),
    onSuccess: async () => {
      await queryClient.invalidateQueries(secretsQuery)
      onClose()
    },
  })
  const used = secret.used_by.length > 0 ? 'It is used: let those use another secret first.' : undefined
  return (
    <Dialog
      title={`Remove secret ${secret.name}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()} whyNot={cannot ?? used}>
            Remove secret
          </Button>
        </>
      }
    >
      {remove.error !== null && <Failure error={remove.error} />}
      <p>Its value cannot be brought back, not by an earlier revision either.</p>
      {secret.used_by.length > 0 && <p>Used by {secret.used_by.join(', ')}.</p>}
    </Dialog>
  )
}
