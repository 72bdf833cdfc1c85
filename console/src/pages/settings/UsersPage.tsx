/** Who may log in, and as what. */
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { SettingsTabs } from '../../components/Tabs'
import { Users } from '../../components/Users'
import { useTitle } from '../../hooks/useTitle'

export function UsersPage() {
  useTitle('Users')
  return (
    <div className="page">
      <PageHead title="Users" />
      <SettingsTabs />
      <NeedsRole needed="admin" what="Managing users">
        <Users />
      </NeedsRole>
    </div>
  )
}
