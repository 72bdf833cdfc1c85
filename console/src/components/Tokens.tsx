/** Keys for programs. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { queryClient, tokensQuery } from '../api/queries'
import type { ApiToken } from '../api/types'
import { AddToken } from '../forms/AddToken'
import { moment } from '../lib/time'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Failure } from './Failure'

export function Tokens() {
  const tokens = useQuery(tokensQuery)
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<ApiToken | undefined>()
  return (
    <section className="panel" aria-labelledby="tokens">
      <header>
        <h2 id="tokens">API tokens</h2>
        <Button icon="plus" onClick={() => setAdding(true)}>
          Add token
        </Button>
      </header>
      {tokens.error !== null && (
        <div className="body">
          <Failure error={tokens.error} />
        </div>
      )}
      {tokens.data?.items.length === 0 && (
        <p className="body muted">None. A program, such as a script or Grafana, uses one instead of a password.</p>
      )}
      {tokens.data !== undefined && tokens.data.items.length > 0 && (
        <table className="table accounts">
          <thead>
            <tr>
              <th scope="col">Token</th>
              <th scope="col">Role</th>
              <th scope="col">Expires, last use</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.data.items.map((token) => (
              <tr key={token.id}>
                <th scope="row" className="cell-name">
                  {token.name}
                </th>
                <td>{token.role}</td>
                <td className="muted">
                  {token.expires_at === undefined ? 'never expires' : `expires ${moment(token.expires_at)}`};{' '}
                  {token.last_used === undefined ? 'never used' : `used ${moment(token.last_used)}`}
                </td>
                <td className="row-actions">
                  <Button kind="quiet" onClick={() => setRemoving(token)}>
                    Remove<span className="visually-hidden"> {token.name}</span>
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {adding && <AddToken onClose={() => setAdding(false)} />}
      {removing !== undefined && <RemoveToken token={removing} onClose={() => setRemoving(undefined)} />}
    </section>
  )
}

function RemoveToken({ token, onClose }: { token: ApiToken; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: () => api.removeToken(token.id),
    onSuccess: async () => {
      await queryClient.invalidateQueries(tokensQuery)
      onClose()
    },
  })
  return (
    <Dialog
      title={`Remove token ${token.name}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove token
          </Button>
        </>
      }
    >
      {remove.error !== null && <Failure error={remove.error} />}
      <p>Programs that use it are refused from now on.</p>
    </Dialog>
  )
}
