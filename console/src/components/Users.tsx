/** Who may log in, and as what. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { queryClient, usersQuery } from '../api/queries'
import type { Role, User } from '../api/types'
import { EditUser } from '../forms/EditUser'
import { useMe } from '../hooks/useMe'
import { roleMeanings, roles } from '../lib/roles'
import { moment } from '../lib/time'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Failure } from './Failure'

type Open = { kind: 'add' } | { kind: 'edit'; user: User } | { kind: 'remove'; user: User } | undefined

export function Users() {
  const me = useMe()
  const users = useQuery(usersQuery)
  const [open, setOpen] = useState<Open>()
  const close = () => setOpen(undefined)
  return (
    <section className="panel" aria-labelledby="users">
      <header>
        <h2 id="users">Users</h2>
        <Button icon="plus" onClick={() => setOpen({ kind: 'add' })}>
          Add user
        </Button>
      </header>
      {users.error !== null && (
        <div className="body">
          <Failure error={users.error} />
        </div>
      )}
      <table className="table accounts">
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Role</th>
            <th scope="col">Last login</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {users.data?.items.map((user) => (
            <tr key={user.username}>
              <th scope="row" className="cell-name">
                {user.username}
                {user.username === me.username && <span className="muted"> (you)</span>}
              </th>
              <td>{user.role}</td>
              <td className="muted">{user.last_login === undefined ? 'never' : moment(user.last_login)}</td>
              <td className="row-actions">
                <Button kind="quiet" onClick={() => setOpen({ kind: 'edit', user })}>
                  Change<span className="visually-hidden"> {user.username}</span>
                </Button>
                <Button kind="quiet" onClick={() => setOpen({ kind: 'remove', user })}>
                  Remove<span className="visually-hidden"> {user.username}</span>
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <details className="body small muted">
        <summary>What the roles may do</summary>
        <RoleList />
      </details>
      {open?.kind === 'add' && <EditUser onClose={close} />}
      {open?.kind === 'edit' && <EditUser user={open.user} onClose={close} />}
      {open?.kind === 'remove' && <RemoveUser user={open.user} onClose={close} />}
    </section>
  )
}

function RoleList() {
  return (
    <ul>
      {roles.map((role: Role) => (
        <li key={role}>
          <strong>{role}</strong> {roleMeanings[role]}
        </li>
      ))}
    </ul>
  )
}

function RemoveUser({ user, onClose }: { user: User; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: () => api.removeUser(user.username),
    onSuccess: async () => {
      await queryClient.invalidateQueries(usersQuery)
      onClose()
    },
  })
  return (
    <Dialog
      title={`Remove ${user.username}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove {user.username}
          </Button>
        </>
      }
    >
      {remove.error !== null && <Failure error={remove.error} />}
      <p>{user.username} can no longer log in, and is logged out where logged in now. What they did stays recorded.</p>
    </Dialog>
  )
}
