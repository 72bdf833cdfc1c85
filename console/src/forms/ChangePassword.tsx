/** Changing one's own password. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { toApiError } from '../api/errors'
import { Failure } from '../components/Failure'
import { passwordProblem } from '../lib/password'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { NewPassword } from './NewPassword'

export function ChangePassword({ username }: { username: string }) {
  const [current, setCurrent] = useState('')
  const [fresh, setFresh] = useState('')
  const [tried, setTried] = useState(false)
  const change = useMutation({
    mutationFn: api.changePassword,
    onSuccess: () => {
      setCurrent('')
      setFresh('')
      setTried(false)
    },
  })
  const problem = passwordProblem(username, fresh)
  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        setTried(true)
        if (problem === undefined && current !== '') change.mutate({ current, new: fresh })
      }}
    >
      {change.isSuccess && <Notice tone="good" title="Your password is changed" />}
      {change.error !== null && <Failure error={toApiError(change.error)} />}
      {/* Password managers look for the name beside the password. */}
      <input className="visually-hidden" type="text" autoComplete="username" value={username} readOnly tabIndex={-1} aria-hidden="true" />
      <TextField
        label="Current password"
        type="password"
        autoComplete="current-password"
        value={current}
        onChange={(event) => setCurrent(event.target.value)}
        problem={tried && current === '' ? 'Enter the password you use now.' : undefined}
      />
      <NewPassword label="New password" value={fresh} onChange={setFresh} problem={tried ? problem : undefined} />
      <div>
        <Button type="submit" busy={change.isPending}>
          Change password
        </Button>
      </div>
    </form>
  )
}
