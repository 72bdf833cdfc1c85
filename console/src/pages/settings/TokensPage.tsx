/** What programs come in with. */
import { NeedsRole } from '../../components/NeedsRole'
import { SettingsTabs } from '../../components/Tabs'
import { Tokens } from '../../components/Tokens'
import { useTitle } from '../../hooks/useTitle'

export function TokensPage() {
  useTitle('API tokens')
  return (
    <div className="page">
      <header className="page-head">
        <h1>API tokens</h1>
      </header>
      <SettingsTabs />
      <NeedsRole needed="admin" what="Managing API tokens">
        <Tokens />
      </NeedsRole>
    </div>
  )
}
