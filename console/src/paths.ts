/** Every address of the console. */
const name = encodeURIComponent

export const paths = {
  overview: '/',
  login: '/login',
  setup: '/setup',
  device: (device: string) => `/devices/${name(device)}`,
  tag: (device: string, tag: string) => `/devices/${name(device)}?tag=${name(tag)}`,
  addDevice: '/add-device',
  addFromTemplate: (template: string) => `/add-device?template=${name(template)}`,
  deviceLog: (device: string) => `/devices/${name(device)}/communication`,
  deviceRegisters: (device: string) => `/devices/${name(device)}/registers`,
  deviceEdit: (device: string) => `/devices/${name(device)}/edit`,
  addTags: (device: string) => `/devices/${name(device)}/add-tags`,
  newFormula: (device: string) => `/devices/${name(device)}/formula`,
  formula: (device: string, tag: string) => `/devices/${name(device)}/formula?tag=${name(tag)}`,
  trends: '/trends',
  trendsOf: (device: string, tag: string, span: string) => `/trends?tag=${name(`${device}/${tag}`)}&span=${span}`,
  sql: '/sql',
  storage: '/storage',
  ledger: '/ledger',
  deadLetters: '/sinks/dead-letters',
  deadLettersOf: (sink: string) => `/sinks/dead-letters?sink=${name(sink)}`,
  sinks: '/#sinks',
  config: '/config',
  templates: '/config/templates',
  importing: '/config/import',
  revisions: '/config/revisions',
  revision: (revision: number) => `/config/revisions/${revision}`,
  events: '/events',
  alarms: '/alarms',
  alarmsInState: (state: string) => `/alarms?state=${name(state)}`,
  alarmHistory: '/alarms/history',
  alarmHistoryOf: (alarm: string, device: string, tag: string) => `/alarms/history?alarm=${name(alarm)}&device=${name(device)}&tag=${name(tag)}`,
  notify: '/alarms/notifications',
  rules: '/rules',
  newRule: '/rules/new',
  rule: (rule: string) => `/rules/${name(rule)}`,
  tables: '/tables',
  table: (table: string) => `/tables/${name(table)}`,
  settings: '/settings',
  users: '/settings/users',
  tokens: '/settings/tokens',
  secrets: '/settings/secrets',
  certificates: '/settings/certificates',
  backup: '/settings/backup',
}

/** Where to go after login: only a path of this console, never another site. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : paths.overview
}
