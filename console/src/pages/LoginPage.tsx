/** Login; goes back to where one was. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { toApiError } from '../api/errors'
import { meQuery, queryClient } from '../api/queries'
import { Failure } from '../components/Failure'
import { useTitle } from '../hooks/useTitle'
import { duration } from '../lib/time'
import { paths, safeNext } from '../paths'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Doorway } from './Doorway'

export function LoginPage() {
  useTitle('Log in')
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const login = useMutation({
    mutationFn: api.login,
    onSuccess: async (me) => {
      queryClient.clear()
      queryClient.setQueryData(meQuery.queryKey, me)
      await navigate(safeNext(search.get('next')), { replace: true })
    },
    onError: () => setPassword(''),
  })
  const failure = login.error === null ? undefined : toApiError(login.error)
  const empty = username === '' || password === '' ? 'Enter user name and password.' : undefined
  return (
    <Doorway title="Log in">
      {search.get('next') !== null && search.get('next') !== paths.overview && login.error === null && (
        <Notice tone="info" title="Log in to go on">
          <span>You come back to the page you asked for.</span>
        </Notice>
      )}
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (empty === undefined && !login.isPending) login.mutate({ username, password })
        }}
      >
        {failure !== undefined && <Failure error={failure} />}
        {failure?.retryAfterMs !== undefined && <p>You can try again in {duration(failure.retryAfterMs)}.</p>}
        <TextField
          label="User name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={username}
          onChange={(event) => setUsername(event.target.value)}
        />
        <TextField
          label="Password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Button type="submit" kind="primary" busy={login.isPending}>
          Log in
        </Button>
        <p className="small muted">
          Forgotten? An administrator of this edge can set a new password under Settings, Users.
        </p>
      </form>
    </Doorway>
  )
}
