/** The edge's HTTP API v1 as the console uses it, written by hand from the contract. */

import type { AlarmCounts } from './alarms'

export type Role = 'viewer' | 'operator' | 'engineer' | 'admin'
export type Severity = 'good' | 'uncertain' | 'bad'

export interface Quality {
  severity: Severity
  code: number
  /** OPC UA name */
  name: string
  reason: string
}

export interface Finding {
  weight: 'error' | 'warning'
  path: string
  line: number
  column: number
  problem: string
  remedy: string
}

export interface Page<T> {
  items: T[]
  total: number
  /** offset of the next page */
  next?: number
}

export interface Items<T> {
  items: T[]
}

export type ErrorCode =
  | 'not_found'
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'conflict'
  | 'too_large'
  | 'limit'
  | 'unavailable'
  | 'internal'
  | 'expired'
  | 'rate_limited'
  | 'timeout'

export interface ErrorBody {
  error: { code: ErrorCode; message: string; remedy: string; findings?: Finding[]; retry_after_ms?: number }
  retry_after_ms?: number
}

export interface Me {
  username: string
  role: Role
  edge: string
  version: string
  via: 'session' | 'token' | 'local'
}

export interface TagCounts {
  total: number
  good: number
  uncertain: number
  bad: number
  stale: number
}

export interface Problem {
  kind: 'device' | 'tags' | 'sink' | 'clock' | 'journal' | 'task'
  severity: 'warning' | 'error'
  subject: string
  since: string
  cause: string
  doing: string
  remedy: string
  tags?: number
  link?: string
}

export interface JournalStream {
  /** samples, outputs or record */
  name: string
  oldest: number
  end: number
  committed: number
  bytes: number
  bytes_max: number
  segments: number
}

export interface Status {
  edge: string
  description?: string
  version: string
  started_at: string
  now: string
  uptime_ms: number
  clock: { synchronised: boolean }
  config: { revision: number; applied_at: string; by: string } | null
  devices: { total: number; online: number; offline: number; disabled: number }
  tags: TagCounts
  problems: Problem[]
  journal: { epoch: number; streams: JournalStream[]; errors: number; last_error?: string }
  memory: { anonymous_bytes: number; total_bytes: number }
  cpu_seconds: number
  sinks: SinkStatus[]
  alarms: AlarmCounts
}

export type DeviceState = 'online' | 'connecting' | 'offline' | 'silent' | 'disabled' | 'failed'

export interface Group {
  name: string
  interval_ms: number
  tags: number
  last_read?: string
  duration_ms?: number
  late: number
  missed: number
  /** the device reports it by itself; it is not polled */
  watched?: boolean
  /** why a group that could be watched is polled */
  polled_because?: string
}

/** What a device asks of its link. */
export interface DeviceLoad {
  requests_per_second: number
  /** 0 to 1, of the link's time; null before the first answers */
  link_share: number | null
  link: string
  link_devices: number
}

export interface Device {
  name: string
  description?: string
  driver: string
  link: string
  enabled: boolean
  state: DeviceState
  since: string
  reason?: string
  next_try_ms?: number
  tags: TagCounts
  groups: Group[]
  load?: DeviceLoad
  counters: {
    requests: number
    errors: number
    retries: number
    timeouts: number
    exceptions: number
    reconnects: number
    writes: number
    late_polls: number
    missed_polls: number
    late_answers: number
    bytes_in: number
    bytes_out: number
    panics: number
    rtt_ms: { min: number; mean: number; p99: number; max: number } | null
  }
}

export interface Tag {
  device: string
  group: string
  name: string
  /** empty where there is a formula */
  address: string
  /** what the value is computed of: an SQL expression over tags */
  formula?: string
  /** why the formula gives no value */
  reason?: string
  /** published type */
  type: string
  unit?: string
  description?: string
  access: 'read' | 'write' | 'read_write'
  range?: [number, number]
  interval_ms: number
  /** null when bad */
  value: unknown
  text: string | null
  quality: Quality
  /** gateway time of the last read */
  time: string | null
  source_time?: string
  age_ms: number | null
  changed_at: string | null
  quality_since: string
  stale: boolean
}

export interface Sample {
  time: string
  value: unknown
  text: string | null
  quality: Severity
  code: number
}

export interface Samples {
  from: string
  to: string
  thinned: boolean
  /** up to here rollups stand for samples that are gone */
  rolled_up_to: string | null
  /** oldest kept */
  complete_from: string | null
  samples: Sample[]
}

/** A group that was read again: its tags that did not change are as fresh as this. */
export interface LiveRead {
  device: string
  group: string
  time: string
}

export interface LiveTag {
  device: string
  name: string
  value: unknown
  text: string | null
  quality: Severity
  code: number
  reason?: string
  time: string | null
  age_ms: number | null
}

export interface SinkStatus {
  name: string
  kind: string
  enabled: boolean
  state: 'connected' | 'connecting' | 'retrying' | 'failed' | 'disabled'
  since: string
  reason?: string
  next_try_ms?: number
  backlog_samples: number
  delivered_samples: number
  delivered_messages: number
  rejected_messages: number
  dropped_samples: number
  in_flight: number
  last_delivered_at?: string
  oldest_waiting?: string
}

/** The part of JSON schema that settings are described with. */
export interface JsonSchema {
  title?: string
  description?: string
  type?: string | string[]
  format?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  examples?: unknown[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  oneOf?: JsonSchema[]
  anyOf?: JsonSchema[]
  $ref?: string
  $defs?: Record<string, JsonSchema>
}

export interface Spec {
  name: string
  summary: string
  settings: JsonSchema
  addresses: { form: string; meaning: string; example: string }[]
  data_types: string[]
  abilities: string[]
  /** a complete `settings:` that passes its own check, as YAML */
  example: string
}

export interface Components {
  drivers: Spec[]
  sinks: Spec[]
  /** ways to tell people of alarms */
  channels: Spec[]
}

export interface RunningConfig {
  revision: number
  applied_at: string
  by: string
  text: string
}

export interface Revision {
  revision: number
  applied_at: string
  by: string
  comment?: string
  bytes: number
  devices: number
  tags: number
  active: boolean
}

export type RevisionText = Revision & { text: string }

export interface LintResult {
  ok: boolean
  findings: Finding[]
  dropped: number
}

export interface Change {
  path: string
  kind: 'added' | 'removed' | 'changed'
  before?: string
  after?: string
}

export interface Effect {
  device: string
  kind: 'starts' | 'stops' | 'restarts' | 'changes'
  groups: string[]
}

export interface DiffResult {
  ok: boolean
  findings: Finding[]
  changes: Change[]
  effects: Effect[]
  templates?: TemplateChange[]
}

export interface TemplateChange {
  name: string
  change: 'added' | 'changed' | 'removed'
  /** names of the devices it touches */
  devices: string[]
  /** the same devices, with what differs in each */
  touched: { name: string; changes: Change[]; more: number }[]
}

export interface ApplyResult {
  revision: number
  findings: Finding[]
  changes: number
}

export type CommandState = 'waiting' | 'sent' | 'done' | 'failed' | 'expired' | 'unknown'

export interface Command {
  id: string
  device: string
  tag: string
  value: unknown
  text: string
  state: CommandState
  reason?: string
  by: string
  created_at: string
  expires_at: string
  sent_at?: string
  ended_at?: string
  old_value?: unknown
  old_text?: string
}

export interface NewCommand {
  id: string
  device: string
  tag: string
  value: unknown
  expires_in_ms?: number
  wait_ms?: number
}

export interface User {
  username: string
  role: Role
  created_at: string
  last_login?: string
}

export interface ApiToken {
  id: string
  name: string
  role: Role
  created_at: string
  expires_at?: string
  last_used?: string
}

/** What went over the wire, or a note of the driver. */
export interface Frame {
  number: number
  at: string
  direction: 'sent' | 'received' | 'note'
  /** `00 01 …`, at most 512 bytes */
  hex: string
  bytes: number
  meaning: string
  device: string | null
}

export interface TrialProblem {
  problem: string
  remedy: string
}

/** A device object as in the document. */
export interface TrialRequest {
  device: unknown
  templates?: unknown[]
}

export interface TrialValue {
  group: string
  tag: string
  address: string
  type: string
  value: unknown
  /** the value in exact digits */
  text: string | null
  /** before scaling, where that differs */
  raw?: unknown
  unit?: string
  quality: Quality
  source_time: string | null
}

export interface TrialRead {
  ok: boolean
  used_running_link: boolean
  connect_ms: number | null
  elapsed_ms: number
  problem: TrialProblem | null
  /** with errors, nothing was sent */
  findings: Finding[]
  values: TrialValue[]
  frames: Frame[]
}

export interface BrowseNode {
  id: string
  name: string
  /** whether there is anything inside */
  inside: boolean
  address: string | null
  type: string | null
  write: boolean
  description: string | null
  unit: string | null
  value: unknown
}

export interface TrialBrowse {
  ok: boolean
  problem: TrialProblem | null
  findings: Finding[]
  nodes: BrowseNode[]
  more: string | null
  frames: Frame[]
}

export interface EstimateGroup {
  name: string
  interval_ms: number
  tags: number
  requests_per_read: number
  watched: boolean
}

export interface Load {
  requests_per_second: number
  link_share: number | null
}

export interface TrialEstimate extends Load {
  findings: Finding[]
  groups: EstimateGroup[]
  /** as measured on the running device or link */
  round_trip_ms: number | null
  now: Load | null
}

export interface Trace {
  on: boolean
  until: string | null
  frames: Frame[]
  /** number of the oldest frame kept */
  first: number
  next: number
}

export interface Secret {
  name: string
  changed_at: string
  changed_by: string
  used_by: string[]
}

export interface Certificate {
  fingerprint: string
  subject: string
  issuer: string
  self_signed: boolean
  authority: boolean
  not_before: string
  not_after: string
  serial: string
  uris: string[]
  names: string[]
  key: string
  purpose: string | null
}

export interface RejectedCertificate extends Certificate {
  first_seen: string
  last_seen: string
  times: number
  reason: string
}

export interface RevocationList {
  id: string
  issuer: string
  next_update: string | null
  revoked: number
}

export interface Certificates {
  own: Certificate[]
  trusted: Certificate[]
  rejected: RejectedCertificate[]
  revocation_lists: RevocationList[]
}

export interface TemplateParameter {
  name: string
  type: string
  default: unknown
  description: string | null
  required: boolean
}

export interface LibraryTemplate {
  name: string
  version: string
  driver: string
  summary: string
  parameters: TemplateParameter[]
  /** the template as it stands in a document, as YAML */
  document: string
  tags: number
}

export interface UsedTemplate {
  name: string
  version: string | null
  driver: string
  devices: string[]
  /** null when the library has none of this name */
  library_version: string | null
}

export interface Templates {
  library: LibraryTemplate[]
  used: UsedTemplate[]
}
