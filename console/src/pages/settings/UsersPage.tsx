/** Who may log in, and as what. */
import { NeedsRole } from '../../components/NeedsRole'
import { SettingsTabs } from '../../components/Tabs'
import { Users } from '../../components/Users'
import { useTitle } from '../../hooks/useTitle'

export function UsersPage() {
  useTitle('Users')
  return (
    <div className="page">
      <header className="page-head">
        <h1>Users</h1>
      </header>
      <SettingsTabs />
      <NeedsRole needed="admin" what="Managing users">
        <Users />
      </NeedsRole>
    </div>
  )
}
