/** A new user, or another role or password for one. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { queryClient, usersQuery } from '../api/queries'
import type { Role, User } from '../api/types'
import { Failure } from '../components/Failure'
import { passwordProblem, usernameProblem } from '../lib/password'
import { roleMeanings, roles } from '../lib/roles'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { NewPassword } from './NewPassword'

export function EditUser({ user, onClose }: { user?: User; onClose: () => void }) {
  const [username, setUsername] = useState(user?.username ?? '')
  const [role, setRole] = useState<Role>(user?.role ?? 'viewer')
  const [password, setPassword] = useState('')
  const [tried, setTried] = useState(false)
  const save = useMutation({
    mutationFn: () => {
      if (user === undefined) return api.addUser({ username, password, role })
      return api.changeUser(user.username, password === '' ? { role } : { role, password })
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries(usersQuery)
      onClose()
    },
  })
  const nameProblem = user === undefined ? usernameProblem(username) : undefined
  const problem = user !== undefined && password === '' ? undefined : passwordProblem(username, password)
  const submit = () => {
    setTried(true)
    if (nameProblem === undefined && problem === undefined) save.mutate()
  }
  return (
    <Dialog
      title={user === undefined ? 'Add a user' : `Change ${user.username}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={save.isPending} onClick={submit}>
            {user === undefined ? 'Add user' : 'Save'}
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
        {save.error !== null && <Failure error={save.error} />}
        {user === undefined && (
          <TextField
            label="User name"
            hint="Letters, digits and . _ - @"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={username}
            onChange={(event) => setUsername(event.target.value)}
            problem={tried ? nameProblem : undefined}
          />
        )}
        <SelectField
          label="Role"
          hint={`${role}: ${roleMeanings[role]}.`}
          value={role}
          onChange={(event) => setRole(roles.find((each) => each === event.target.value) ?? 'viewer')}
        >
          {roles.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </SelectField>
        <NewPassword
          label={user === undefined ? 'Password' : 'New password (empty: stays as it is)'}
          value={password}
          onChange={setPassword}
          problem={tried ? problem : undefined}
        />
        <button type="submit" className="visually-hidden" tabIndex={-1} aria-hidden="true">
          Save
        </button>
      </form>
    </Dialog>
  )
}
