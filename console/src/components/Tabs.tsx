/** The pages of one place, beside each other. On a phone the row wraps: nothing is hidden behind a swipe. */
import { NavLink } from 'react-router'

import { paths } from '../paths'

export function Tabs({ label, tabs }: { label: string; tabs: readonly (readonly [string, string])[] }) {
  return (
    <nav aria-label={label} className="tabs">
      {tabs.map(([to, title]) => (
        <NavLink key={to} to={to} end>
          {title}
        </NavLink>
      ))}
    </nav>
  )
}

const config = [
  [paths.config, 'As text'],
  [paths.templates, 'Templates'],
  [paths.importing, 'Import and export'],
  [paths.revisions, 'Revisions'],
] as const

export function ConfigTabs() {
  return <Tabs label="Pages of the configuration" tabs={config} />
}

const settings = [
  [paths.settings, 'My account'],
  [paths.users, 'Users'],
  [paths.tokens, 'API tokens'],
  [paths.secrets, 'Secrets'],
  [paths.certificates, 'Certificates'],
  [paths.backup, 'Backup'],
] as const

export function SettingsTabs() {
  return <Tabs label="Pages of the settings" tabs={settings} />
}

const alarms = [
  [paths.alarms, 'Now'],
  [paths.alarmHistory, 'History'],
  [paths.definitions, 'Definitions'],
  [paths.notify, 'Notifications'],
] as const

export function AlarmTabs() {
  return <Tabs label="Pages of the alarms" tabs={alarms} />
}

const history = [
  [paths.trends, 'Trends'],
  [paths.sql, 'SQL'],
  [paths.storage, 'Storage'],
  [paths.ledger, 'Ledger'],
] as const

export function HistoryTabs() {
  return <Tabs label="Pages of the history" tabs={history} />
}
