/** One function per operation of the edge's API. Knows HTTP; leaves caching to queries.ts. */
import { fromResponse, unreachable } from './errors'
import { inTurn } from './turns'
import type { Alarm, AlarmAction, AlarmAnswer, AlarmChangeFilter, AlarmChanges, AlarmChoice, AlarmFilter } from './alarms'
import type { EventPage, ImportAnswer, RestoreAnswer } from './exchange'
import type { DeadLetter, DeadLetterAnswer, DeadLetterChoice, GroupAccount, Ledger } from './ledger'
import type { Notify, NotifyTest } from './notify'
import type { LookupTable, LookupTableDetail } from './tables'
import type { FormulaCheck, FormulaCheckRequest, Rule, RuleCheck, RuleCheckRequest, RuleDetail, RuleFilter, RuleTrial } from './rules'
import type { SqlRequest, SqlTables, SqlTextAnswer, Storage, TagStorage } from './history'
import type {
  ApiToken,
  ApplyResult,
  Certificates,
  Command,
  Components,
  Device,
  DiffResult,
  Items,
  LintResult,
  Me,
  NewCommand,
  Page,
  Revision,
  RevisionText,
  Role,
  RunningConfig,
  Samples,
  Secret,
  Status,
  Tag,
  Templates,
  Trace,
  TrialBrowse,
  TrialEstimate,
  TrialRead,
  TrialRequest,
  User,
} from './types'

const prefix = '/api/v1'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

interface Options {
  method?: Method
  json?: unknown
  /** a body that is JSON already */
  raw?: string
  yaml?: string
  bytes?: Blob
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
}

async function send(path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers }
  const method = options.method ?? 'GET'
  // Proves to the edge that the request comes from the console and not from a foreign page.
  if (method !== 'GET') headers['X-Tagwerk-Request'] = '1'
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' }
  if (options.signal) init.signal = options.signal
  if (options.yaml !== undefined) {
    headers['Content-Type'] = 'text/yaml'
    init.body = options.yaml
  } else if (options.bytes !== undefined) {
    headers['Content-Type'] = 'application/octet-stream'
    init.body = options.bytes
  } else if (options.raw !== undefined || options.json !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = options.raw ?? JSON.stringify(options.json)
  }
  try {
    return await fetch(prefix + path, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw unreachable(`${method} ${path.split('?')[0]}`)
  }
}

async function call<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options)
  const text = await response.text()
  let body: unknown
  try {
    body = text === '' ? undefined : JSON.parse(text)
  } catch {
    body = undefined
  }
  if (!response.ok) throw fromResponse(response.status, `${options.method ?? 'GET'} ${path.split('?')[0]}`, body)
  return body as T
}

export interface FileAnswer {
  name: string
  content: Blob
}

/** An answer that is a file, with the name the edge gives it. */
async function callFile(path: string, otherwise: string, options: Options = {}): Promise<FileAnswer> {
  const response = await send(path, { ...options, headers: { Accept: '*/*', ...options.headers } })
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => undefined)
    throw fromResponse(response.status, `${options.method ?? 'GET'} ${path.split('?')[0]}`, body)
  }
  const given = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '')?.[1]
  return { name: given ?? otherwise, content: await response.blob() }
}

/** Throws the refusal, with its remedy, of a file that the browser is about to fetch by itself. */
export async function askForFile(address: string): Promise<void> {
  const path = address.slice(prefix.length)
  const headers = { Accept: '*/*' }
  if ((await send(path, { method: 'HEAD', headers })).ok) return
  // The answer to HEAD carries no reason.
  const stop = new AbortController()
  const response = await send(path, { headers, signal: stop.signal })
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => undefined)
    throw fromResponse(response.status, `GET ${path.split('?')[0]}`, body)
  }
  stop.abort()
}

export function queryString(values: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') params.set(key, String(value))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const name = encodeURIComponent

export interface TagFilter {
  offset?: number | undefined
  limit?: number | undefined
  filter?: string | undefined
  quality?: string | undefined
  group?: string | undefined
}

/** The edge takes a write as soon as it answers in time; a person waits no longer than this. */
const commandWaitMs = 5_000
const commandExpiresMs = 10_000

export const api = {
  setup: (signal?: AbortSignal) => call<{ needed: boolean }>('/setup', { signal }),
  setUp: (json: { token: string; username: string; password: string }) =>
    call<Me>('/setup', { method: 'POST', json }),
  login: (json: { username: string; password: string }) => call<Me>('/login', { method: 'POST', json }),
  logout: () => call<void>('/logout', { method: 'POST' }),
  me: (signal?: AbortSignal) => call<Me>('/me', { signal }),
  changePassword: (json: { current: string; new: string }) =>
    call<void>('/me/password', { method: 'PUT', json }),

  status: (signal?: AbortSignal) => call<Status>('/status', { signal }),
  devices: (signal?: AbortSignal) => call<Items<Device>>('/devices', { signal }),
  device: (device: string, signal?: AbortSignal) => call<Device>(`/devices/${name(device)}`, { signal }),
  tags: (device: string, filter: TagFilter, signal?: AbortSignal) =>
    call<Page<Tag>>(`/devices/${name(device)}/tags${queryString({ ...filter })}`, { signal }),
  /** of all devices */
  allTags: (filter: Pick<TagFilter, 'offset' | 'limit' | 'filter'>, signal?: AbortSignal) => call<Page<Tag>>(`/tags${queryString({ ...filter })}`, { signal }),
  tag: (device: string, tag: string, signal?: AbortSignal) =>
    call<Tag>(`/devices/${name(device)}/tags/${name(tag)}`, { signal }),
  samples: (device: string, tag: string, from: string, to: string, points: number, signal?: AbortSignal) =>
    call<Samples>(`/devices/${name(device)}/tags/${name(tag)}/samples${queryString({ from, to, points })}`, {
      signal,
    }),
  readNow: (device: string, tag: string) =>
    call<Tag>(`/devices/${name(device)}/tags/${name(tag)}/read`, { method: 'POST' }),

  storage: (signal?: AbortSignal) => call<Storage>('/storage', { signal }),
  tagStorage: (filter: { filter?: string; offset: number; limit: number }, signal?: AbortSignal) =>
    call<Page<TagStorage>>(`/storage/tags${queryString(filter)}`, { signal }),
  sqlTables: (signal?: AbortSignal) => call<SqlTables>('/sql/tables', { signal }),
  /** Every cell is text, so that no digit is lost. */
  sql: (json: SqlRequest, signal?: AbortSignal) => call<SqlTextAnswer>('/sql', { method: 'POST', json: { ...json, text: true }, signal }),
  sqlFile: (json: SqlRequest, signal?: AbortSignal) => callFile('/sql', 'query.csv', { method: 'POST', json, headers: { Accept: 'text/csv' }, signal }),

  ledger: (range: { from?: string | undefined; to?: string | undefined; device?: string }, signal?: AbortSignal) => call<Ledger>(`/ledger${queryString(range)}`, { signal }),
  ledgerGroups: (range: { from?: string | undefined; to?: string | undefined; device?: string; offset: number; limit: number }, signal?: AbortSignal) =>
    call<Page<GroupAccount>>(`/ledger/groups${queryString(range)}`, { signal }),
  deadLetters: (filter: { sink?: string; offset: number; limit: number }, signal?: AbortSignal) =>
    call<Page<DeadLetter>>(`/dead-letters${queryString(filter)}`, { signal }),
  retryDeadLetters: (json: DeadLetterChoice) => call<DeadLetterAnswer>('/dead-letters/retry', { method: 'POST', json }),
  discardDeadLetters: (json: DeadLetterChoice) => call<DeadLetterAnswer>('/dead-letters/discard', { method: 'POST', json }),

  alarms: (filter: AlarmFilter, signal?: AbortSignal) => call<Page<Alarm>>(`/alarms${queryString({ ...filter })}`, { signal }),
  alarmChanges: (filter: AlarmChangeFilter, signal?: AbortSignal) => call<AlarmChanges>(`/alarms/changes${queryString({ ...filter })}`, { signal }),
  operateAlarms: (action: AlarmAction, json: AlarmChoice) => call<AlarmAnswer>(`/alarms/${action}`, { method: 'POST', json }),

  notify: (signal?: AbortSignal) => call<Notify>('/notify', { signal }),
  testChannel: (channel: string) => call<NotifyTest>(`/notify/channels/${name(channel)}/test`, { method: 'POST' }),

  rules: (filter: RuleFilter, signal?: AbortSignal) => call<Page<Rule>>(`/rules${queryString({ ...filter })}`, { signal }),
  rule: (rule: string, signal?: AbortSignal) => call<RuleDetail>(`/rules/${name(rule)}`, { signal }),
  checkRule: (json: RuleCheckRequest, signal?: AbortSignal) => call<RuleCheck>('/rules/check', { method: 'POST', json, signal }),
  checkFormula: (json: FormulaCheckRequest, signal?: AbortSignal) => call<FormulaCheck>('/formulas/check', { method: 'POST', json, signal }),
  /** `raw` is a RuleTrialRequest as JSON, so that the digits of pasted rows stay as they are */
  tryRule: (raw: string, signal?: AbortSignal) => call<RuleTrial>('/rules/trial', { method: 'POST', raw, signal }),

  tables: (signal?: AbortSignal) => call<Page<LookupTable>>('/tables?limit=100', { signal }),
  table: (table: string, offset: number, limit: number, signal?: AbortSignal) => call<LookupTableDetail>(`/tables/${name(table)}${queryString({ offset, limit })}`, { signal }),
  refreshTable: (table: string) => call<LookupTable>(`/tables/${name(table)}/refresh`, { method: 'POST', json: {} }),

  commands: (offset: number, limit: number, signal?: AbortSignal) =>
    call<Page<Command>>(`/commands${queryString({ offset, limit })}`, { signal }),
  command: (id: string, signal?: AbortSignal) => call<Command>(`/commands/${name(id)}`, { signal }),
  /** `value` is written as JSON by the caller: a 64-bit integer would not survive a JavaScript number. */
  write: (command: Omit<NewCommand, 'value'> & { value: string }) => {
    const { value, ...rest } = { wait_ms: commandWaitMs, expires_in_ms: commandExpiresMs, ...command }
    return call<Command>('/commands', { method: 'POST', raw: `${JSON.stringify(rest).slice(0, -1)},"value":${value}}` })
  },

  components: (signal?: AbortSignal) => call<Components>('/components', { signal }),
  config: (signal?: AbortSignal) => call<RunningConfig>('/config', { signal }),
  lint: (yaml: string, signal?: AbortSignal) => call<LintResult>('/config/lint', { method: 'POST', yaml, signal }),
  diff: (yaml: string, signal?: AbortSignal) => call<DiffResult>('/config/diff', { method: 'POST', yaml, signal }),
  apply: (yaml: string, base: number, comment: string) =>
    call<ApplyResult>(`/config${queryString({ comment })}`, {
      method: 'PUT',
      yaml,
      headers: { 'If-Match': `"${base}"` },
    }),
  rollback: (revision: number, comment: string) =>
    call<{ revision: number }>('/config/rollback', {
      method: 'POST',
      json: comment === '' ? { revision } : { revision, comment },
    }),
  revisions: (offset: number, limit: number, signal?: AbortSignal) =>
    call<Page<Revision>>(`/config/revisions${queryString({ offset, limit })}`, { signal }),
  revision: (revision: number, signal?: AbortSignal) =>
    call<RevisionText>(`/config/revisions/${revision}`, { signal }),

  users: (signal?: AbortSignal) => call<Items<User>>('/users', { signal }),
  addUser: (json: { username: string; password: string; role: Role }) =>
    call<void>('/users', { method: 'POST', json }),
  changeUser: (username: string, json: { role?: Role; password?: string }) =>
    call<void>(`/users/${name(username)}`, { method: 'PUT', json }),
  removeUser: (username: string) => call<void>(`/users/${name(username)}`, { method: 'DELETE' }),
  tokens: (signal?: AbortSignal) => call<Items<ApiToken>>('/tokens', { signal }),
  addToken: (json: { name: string; role: Role; expires_in_ms?: number }) =>
    call<{ id: string; token: string }>('/tokens', { method: 'POST', json }),
  removeToken: (id: string) => call<void>(`/tokens/${name(id)}`, { method: 'DELETE' }),

  trialRead: (json: TrialRequest, signal?: AbortSignal) =>
    inTurn(() => call<TrialRead>('/trials/read', { method: 'POST', json, signal }), signal),
  trialBrowse: (json: TrialRequest & { node: string; after: string | null }, signal?: AbortSignal) =>
    inTurn(() => call<TrialBrowse>('/trials/browse', { method: 'POST', json, signal }), signal),
  trialEstimate: (json: TrialRequest, signal?: AbortSignal) =>
    call<TrialEstimate>('/trials/estimate', { method: 'POST', json, signal }),
  trace: (device: string, after: number, limit: number, signal?: AbortSignal) =>
    call<Trace>(`/devices/${name(device)}/trace${queryString({ after, limit })}`, { signal }),
  switchTrace: (device: string, on: boolean) =>
    call<Trace>(`/devices/${name(device)}/trace`, { method: 'PUT', json: { on } }),

  templates: (signal?: AbortSignal) => call<Templates>('/templates', { signal }),
  importFile: (file: Blob, format: string, mode: string, signal?: AbortSignal) =>
    call<ImportAnswer>(`/import${queryString({ format, mode })}`, { method: 'POST', bytes: file, signal }),
  exportFile: (format: string, devices: string[]) =>
    callFile(`/export${queryString({ format, devices: devices.join(',') })}`, `tags.${format}`),
  emptyFile: (format: string) => callFile(`/export${queryString({ format, empty: 'true' })}`, `empty.${format}`),

  secrets: (signal?: AbortSignal) => call<Items<Secret>>('/secrets', { signal }),
  setSecret: (secret: string, value: string) => call<Secret>(`/secrets/${name(secret)}`, { method: 'PUT', json: { value } }),
  removeSecret: (secret: string) => call<void>(`/secrets/${name(secret)}`, { method: 'DELETE' }),
  certificates: (signal?: AbortSignal) => call<Certificates>('/certificates', { signal }),
  addCertificate: (pem: string) => call<void>('/certificates', { method: 'POST', json: { pem } }),
  trustCertificate: (fingerprint: string) => call<void>(`/certificates/${name(fingerprint)}/trust`, { method: 'POST' }),
  removeCertificate: (fingerprint: string) => call<void>(`/certificates/${name(fingerprint)}`, { method: 'DELETE' }),
  certificateFile: (fingerprint: string) => callFile(`/certificates/${name(fingerprint)}/pem`, `${fingerprint.slice(0, 16)}.pem`),

  events: (filter: { kind?: string; text?: string; before?: number; limit?: number }, signal?: AbortSignal) =>
    call<EventPage>(`/events${queryString(filter)}`, { signal }),
  backup: (passphrase: string) => callFile('/backup', 'edge.backup', { method: 'POST', json: { passphrase } }),
  restore: (file: Blob, passphrase: string, apply: boolean) =>
    call<RestoreAnswer>(`/restore${queryString({ apply: String(apply) })}`, {
      method: 'POST',
      bytes: file,
      // A header holds ASCII only.
      headers: { 'X-Passphrase': encodeURIComponent(passphrase) },
    }),
}
