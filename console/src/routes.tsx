/** The whole tree of pages. Each loader fetches what its page shows first. */
import { createBrowserRouter, redirect, type LoaderFunctionArgs } from 'react-router'

import { api } from './api/client'
import { ApiError } from './api/errors'
import {
  alarmsQuery,
  componentsQuery,
  configQuery,
  deviceQuery,
  devicesQuery,
  ledgerQuery,
  meQuery,
  notifyQuery,
  queryClient,
  revisionQuery,
  revisionsQuery,
  ruleQuery,
  rulesQuery,
  tableQuery,
  tablesQuery,
  sqlTablesQuery,
  statusQuery,
  storageQuery,
  templatesQuery,
} from './api/queries'
import { alarmFilter, pageOf } from './lib/alarms'
import { ledgerRange } from './lib/ledger'
import { ruleFilter } from './lib/rules'
import { paths } from './paths'
import { DevicePage } from './pages/device/DevicePage'
import { Frame } from './pages/Frame'
import { LoginPage } from './pages/LoginPage'
import { NotFoundPage } from './pages/NotFoundPage'
import { OverviewPage } from './pages/OverviewPage'
import { PageError } from './pages/PageError'
import { SettingsPage } from './pages/SettingsPage'
import { SetupPage } from './pages/SetupPage'

/** Loaders hand 401 over to the login page, and come back after it. */
async function loggedIn<T>(request: Request, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    const url = new URL(request.url)
    const next = url.pathname + url.search
    throw redirect(next === '/' ? paths.login : `${paths.login}?next=${encodeURIComponent(next)}`)
  }
}

const page =
  (load: (params: Record<string, string | undefined>, search: URLSearchParams) => Promise<unknown>) =>
  ({ request, params }: LoaderFunctionArgs) =>
    loggedIn(request, async () => {
      await load(params, new URL(request.url).searchParams)
      return null
    })

/** For the pages that change a device: how it is, and how the configuration has it. */
function deviceToChange(params: Record<string, string | undefined>) {
  return Promise.all([
    queryClient.ensureQueryData(deviceQuery(params['device'] ?? '')),
    queryClient.fetchQuery(configQuery),
    queryClient.ensureQueryData(componentsQuery),
  ])
}

async function needsSetup(): Promise<boolean> {
  return (await api.setup()).needed
}

const loading = (
  <p className="page-loading" role="status">
    Asking the edge…
  </p>
)

export const router = createBrowserRouter([
  {
    errorElement: <PageError />,
    hydrateFallbackElement: loading,
    children: [
      {
        path: paths.login,
        loader: async () => {
          if (await needsSetup()) throw redirect(paths.setup)
          return null
        },
        element: <LoginPage />,
      },
      {
        path: paths.setup,
        loader: async () => {
          if (!(await needsSetup())) throw redirect(paths.login)
          return null
        },
        element: <SetupPage />,
      },
      {
        id: 'frame',
        loader: page(() => queryClient.ensureQueryData(meQuery)),
        shouldRevalidate: () => false,
        element: <Frame />,
        children: [
          {
            errorElement: <PageError inFrame />,
            children: [
              {
                path: '/',
                loader: page(() =>
                  Promise.all([queryClient.ensureQueryData(statusQuery), queryClient.ensureQueryData(devicesQuery)]),
                ),
                element: <OverviewPage />,
              },
              {
                path: '/devices/:device',
                loader: page((params) => queryClient.ensureQueryData(deviceQuery(params['device'] ?? ''))),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['device'] !== nextParams['device'],
                element: <DevicePage />,
              },
              {
                path: '/config',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(componentsQuery)])),
                shouldRevalidate: () => false,
                // The editor is half of the console's code, and most people never open it.
                lazy: async () => ({ Component: (await import('./pages/ConfigPage')).ConfigPage }),
              },
              {
                path: '/config/revisions',
                loader: page(() => queryClient.fetchQuery(revisionsQuery(0, 25))),
                lazy: async () => ({ Component: (await import('./pages/RevisionsPage')).RevisionsPage }),
              },
              {
                path: '/config/revisions/:revision',
                loader: page((params) =>
                  Promise.all([
                    queryClient.ensureQueryData(revisionQuery(Number(params['revision']))),
                    queryClient.fetchQuery(configQuery),
                  ]),
                ),
                lazy: async () => ({ Component: (await import('./pages/RevisionPage')).RevisionPage }),
              },
              {
                path: '/add-device',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(componentsQuery)])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/commission/CommissionPage')).CommissionPage }),
              },
              {
                path: '/devices/:device/communication',
                loader: page((params) => queryClient.ensureQueryData(deviceQuery(params['device'] ?? ''))),
                lazy: async () => ({ Component: (await import('./pages/device/CommunicationPage')).CommunicationPage }),
              },
              {
                path: '/devices/:device/registers',
                loader: page(deviceToChange),
                lazy: async () => ({ Component: (await import('./pages/device/RegistersPage')).RegistersPage }),
              },
              {
                path: '/devices/:device/add-tags',
                loader: page(deviceToChange),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['device'] !== nextParams['device'],
                lazy: async () => ({ Component: (await import('./pages/device/AddTagsPage')).AddTagsPage }),
              },
              {
                path: '/devices/:device/formula',
                loader: page((params) => Promise.all([deviceToChange(params), queryClient.ensureQueryData(sqlTablesQuery)])),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['device'] !== nextParams['device'],
                lazy: async () => ({ Component: (await import('./pages/device/FormulaPage')).FormulaPage }),
              },
              {
                path: '/devices/:device/edit',
                loader: page(deviceToChange),
                lazy: async () => ({ Component: (await import('./pages/device/EditDevicePage')).EditDevicePage }),
              },
              {
                path: '/config/templates',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.fetchQuery(templatesQuery)])),
                lazy: async () => ({ Component: (await import('./pages/config/TemplatesPage')).TemplatesPage }),
              },
              {
                path: '/config/import',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(devicesQuery)])),
                lazy: async () => ({ Component: (await import('./pages/config/ImportPage')).ImportPage }),
              },
              {
                path: '/trends',
                loader: page(() => queryClient.ensureQueryData(statusQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/history/TrendsPage')).TrendsPage }),
              },
              {
                path: '/sql',
                loader: page(() => queryClient.ensureQueryData(sqlTablesQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/history/SqlPage')).SqlPage }),
              },
              {
                path: '/storage',
                loader: page(() => queryClient.ensureQueryData(storageQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/history/StoragePage')).StoragePage }),
              },
              {
                path: '/ledger',
                loader: page((_, search) =>
                  Promise.all([queryClient.ensureQueryData(statusQuery), queryClient.ensureQueryData(ledgerQuery(ledgerRange(search), search.get('device') ?? ''))]),
                ),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/history/LedgerPage')).LedgerPage }),
              },
              {
                path: '/sinks/dead-letters',
                loader: page(() => queryClient.ensureQueryData(statusQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/sinks/DeadLettersPage')).DeadLettersPage }),
              },
              {
                path: '/alarms',
                loader: page((_, search) => Promise.all([queryClient.ensureQueryData(statusQuery), queryClient.ensureQueryData(alarmsQuery(alarmFilter(search)))])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/AlarmsPage')).AlarmsPage }),
              },
              {
                path: '/alarms/history',
                loader: page(() => queryClient.ensureQueryData(statusQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/AlarmHistoryPage')).AlarmHistoryPage }),
              },
              {
                path: '/alarms/definitions',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/DefinitionsPage')).DefinitionsPage }),
              },
              {
                path: '/alarms/definitions/:alarm',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['alarm'] !== nextParams['alarm'],
                lazy: async () => ({ Component: (await import('./pages/alarms/DefinitionPage')).DefinitionPage }),
              },
              {
                path: '/alarms/new',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/NewAlarmPage')).NewAlarmPage }),
              },
              {
                path: '/alarms/notifications/settings',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/NotifySettingsPage')).NotifySettingsPage }),
              },
              {
                path: '/alarms/notifications/new-channel',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(componentsQuery)])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/ChannelPage')).NewChannelPage }),
              },
              {
                path: '/alarms/notifications/channels/:channel',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(componentsQuery)])),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['channel'] !== nextParams['channel'],
                lazy: async () => ({ Component: (await import('./pages/alarms/ChannelPage')).ChannelPage }),
              },
              {
                path: '/alarms/notifications/new-route',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/RoutePage')).NewRoutePage }),
              },
              {
                path: '/alarms/notifications/routes/:route',
                loader: page(() => queryClient.fetchQuery(configQuery)),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['route'] !== nextParams['route'],
                lazy: async () => ({ Component: (await import('./pages/alarms/RoutePage')).RoutePage }),
              },
              {
                path: '/alarms/notifications',
                loader: page(() => Promise.all([queryClient.ensureQueryData(notifyQuery), queryClient.fetchQuery(configQuery)])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/alarms/NotifyPage')).NotifyPage }),
              },
              {
                path: '/rules',
                loader: page((_, search) => Promise.all([queryClient.ensureQueryData(statusQuery), queryClient.ensureQueryData(rulesQuery(ruleFilter(search)))])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/rules/RulesPage')).RulesPage }),
              },
              {
                path: '/rules/new',
                loader: page(() => Promise.all([queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(sqlTablesQuery)])),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/rules/NewRulePage')).NewRulePage }),
              },
              {
                path: '/rules/:rule',
                loader: page((params) => Promise.all([queryClient.ensureQueryData(ruleQuery(params['rule'] ?? '')), queryClient.fetchQuery(configQuery), queryClient.ensureQueryData(sqlTablesQuery)])),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['rule'] !== nextParams['rule'],
                lazy: async () => ({ Component: (await import('./pages/rules/RulePage')).RulePage }),
              },
              {
                path: '/tables',
                loader: page(() => queryClient.ensureQueryData(tablesQuery)),
                shouldRevalidate: () => false,
                lazy: async () => ({ Component: (await import('./pages/tables/TablesPage')).TablesPage }),
              },
              {
                path: '/tables/:table',
                loader: page((params, search) => queryClient.ensureQueryData(tableQuery(params['table'] ?? '', pageOf(search)))),
                shouldRevalidate: ({ currentParams, nextParams }) => currentParams['table'] !== nextParams['table'],
                lazy: async () => ({ Component: (await import('./pages/tables/TablePage')).TablePage }),
              },
              { path: '/events', lazy: async () => ({ Component: (await import('./pages/EventsPage')).EventsPage }) },
              { path: '/settings', element: <SettingsPage /> },
              { path: '/settings/users', lazy: async () => ({ Component: (await import('./pages/settings/UsersPage')).UsersPage }) },
              { path: '/settings/tokens', lazy: async () => ({ Component: (await import('./pages/settings/TokensPage')).TokensPage }) },
              { path: '/settings/secrets', lazy: async () => ({ Component: (await import('./pages/settings/SecretsPage')).SecretsPage }) },
              { path: '/settings/certificates', lazy: async () => ({ Component: (await import('./pages/settings/CertificatesPage')).CertificatesPage }) },
              { path: '/settings/backup', lazy: async () => ({ Component: (await import('./pages/settings/BackupPage')).BackupPage }) },
              { path: '*', element: <NotFoundPage /> },
            ],
          },
        ],
      },
    ],
  },
])
