/** The first administrator, with the one-time token that the edge printed at its first start. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { meQuery, queryClient } from '../api/queries'
import { Failure } from '../components/Failure'
import { NewPassword } from '../forms/NewPassword'
import { useTitle } from '../hooks/useTitle'
import { passwordProblem, usernameProblem } from '../lib/password'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Doorway } from './Doorway'

export function SetupPage() {
  useTitle('First administrator')
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const linkToken = search.get('token') ?? ''
  const [token, setToken] = useState(linkToken)
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [tried, setTried] = useState(false)
  const setUp = useMutation({
    mutationFn: api.setUp,
    onSuccess: async (me) => {
      queryClient.clear()
      queryClient.setQueryData(meQuery.queryKey, me)
      await navigate(paths.overview, { replace: true })
    },
  })
  const problems = {
    token: token.trim() === '' ? 'Paste the token: the part after “token=” of the link that the edge printed.' : undefined,
    username: usernameProblem(username),
    password: passwordProblem(username, password),
  }
  const wrong = Object.values(problems).some((problem) => problem !== undefined)
  return (
    <Doorway title="Set up this edge">
      <p>
        Nobody can log in yet. Choose the name and password of the first administrator; there are no default
        passwords.
      </p>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (!wrong && !setUp.isPending) setUp.mutate({ token: token.trim(), username, password })
        }}
      >
        {setUp.error !== null && <Failure error={setUp.error} />}
        {(linkToken === '' || setUp.error !== null) && (
          <TextField
            label="Setup token"
            hint="The edge prints a link with it once, when it starts for the first time: on its console and in its log."
            autoComplete="off"
            spellCheck={false}
            value={token}
            onChange={(event) => setToken(event.target.value)}
            problem={tried ? problems.token : undefined}
          />
        )}
        <TextField
          label="User name"
          hint="Letters, digits and . _ - @"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={username}
          onChange={(event) => setUsername(event.target.value)}
          problem={tried ? problems.username : undefined}
        />
        <NewPassword
          value={password}
          onChange={setPassword}
          problem={tried ? problems.password : undefined}
        />
        <Button type="submit" kind="primary" busy={setUp.isPending}>
          Create administrator
        </Button>
      </form>
    </Doorway>
  )
}
