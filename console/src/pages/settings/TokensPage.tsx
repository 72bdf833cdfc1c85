/** What programs come in with. */
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { SettingsTabs } from '../../components/Tabs'
import { Tokens } from '../../components/Tokens'
import { useTitle } from '../../hooks/useTitle'

export function TokensPage() {
  useTitle('API tokens')
  return (
    <div className="page">
      <PageHead title="API tokens" />
      <SettingsTabs />
      <NeedsRole needed="admin" what="Managing API tokens">
        <Tokens />
      </NeedsRole>
    </div>
  )
}
