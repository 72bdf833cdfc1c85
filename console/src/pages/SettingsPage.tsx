/** My account; the other settings have pages of their own beside it. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from 'react-router'

import { api } from '../api/client'
import { queryClient, statusQuery } from '../api/queries'
import { Facts } from '../components/Facts'
import { PageHead } from '../components/PageHead'
import { ThemeSwitch } from '../components/ThemeSwitch'
import { SettingsTabs } from '../components/Tabs'
import { ChangePassword } from '../forms/ChangePassword'
import { useMe } from '../hooks/useMe'
import { useTitle } from '../hooks/useTitle'
import { roleMeanings } from '../lib/roles'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'

export function SettingsPage() {
  useTitle('Settings')
  const me = useMe()
  return (
    <div className="page">
      <PageHead title="Settings" />
      <SettingsTabs />
      <div className="settings-grid">
        <MyAccount />
        <section className="panel" aria-labelledby="my-password">
          <header>
            <h2 id="my-password">My password</h2>
          </header>
          <div className="body">
            {me.via === 'session' ? (
              <ChangePassword username={me.username} />
            ) : (
              <p className="muted">You are here by {me.via === 'token' ? 'an API token' : 'a local connection'}, which has no password.</p>
            )}
          </div>
        </section>
      </div>
      <About />
    </div>
  )
}

function MyAccount() {
  const me = useMe()
  const navigate = useNavigate()
  const logout = useMutation({
    mutationFn: api.logout,
    onSettled: async () => {
      queryClient.clear()
      await navigate(paths.login)
    },
  })
  return (
    <section className="panel" aria-labelledby="my-account">
      <header>
        <h2 id="my-account">My account</h2>
      </header>
      <div className="body form">
        <p>
          <strong>{me.username}</strong>, {me.role}: {roleMeanings[me.role]}.
        </p>
        <ThemeSwitch />
        <div>
          <Button icon="logout" onClick={() => logout.mutate()}>
            Log out
          </Button>
        </div>
      </div>
    </section>
  )
}

function About() {
  const me = useMe()
  const status = useQuery(statusQuery).data
  return (
    <section className="panel" aria-labelledby="about">
      <header>
        <h2 id="about">About</h2>
      </header>
      <Facts
        facts={[
          ['Edge', me.edge],
          ['Tagwerk', me.version],
          ['Started', status === undefined ? '–' : moment(status.started_at)],
          ['Licence', 'Apache-2.0'],
          [
            'API',
            <a key="api" href="/api/v1/openapi.json">
              OpenAPI document
            </a>,
          ],
        ]}
      />
    </section>
  )
}
