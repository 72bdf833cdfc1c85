/** The mock's ledger, by formula: it agrees with its trends, its sinks and its dead letters, and its sums balance. */
import type { Account, Cause, Deviation, GroupAccount, Ledger, LedgerInterval, SinkAccount } from '../src/api/ledger'
import { Refused, type Route } from './call'
import type { MockEdge } from './edge'
import type { Letters } from './letters'
import { calibrates, keptMs, outages, powerless } from './past'
import type { DeviceState } from './stored'

/** What is not well in a group from `from` to `to`, by a share of its samples. */
interface Trouble {
  kind: 'missed' | 'bad'
  from: number
  to: number
  share: number
  reason: string
  text: string
  doing: string | null
  open: boolean
}

const hourMs = 3_600_000

function troubles(edge: MockEdge, device: DeviceState, group: string, tags: number, now: number): Trouble[] {
  const found: Trouble[] = outages(device).map(([from, to]) => ({ kind: 'missed', from, to, share: 1, reason: 'BadTimeout', text: 'the device did not answer', doing: null, open: false }))
  const [off, on] = powerless(device)
  found.push({ kind: 'missed', from: off, to: on, share: 1, reason: 'edge_stopped', text: 'the edge did not run', doing: null, open: false })
  if (device.name === 'packer-1' && group === 'fast') {
    const begin = device.bornAt - 5 * hourMs
    found.push({ kind: 'missed', from: begin, to: begin + hourMs, share: 0.03, reason: 'late', text: 'the link was too busy: polls came too late and were left out', doing: null, open: false })
  }
  if (device.state === 'offline') {
    found.push({ kind: 'missed', from: device.since, to: now, share: 1, reason: 'BadTimeout', text: `cannot connect to ${device.link}: connection refused`, doing: 'keeps trying every 8 s', open: true })
  }
  if (edge.scenario === 'faults' && device.name === 'boiler-2' && group === 'slow') {
    found.push({ kind: 'bad', from: edge.sinkSince, to: now, share: 1 / tags, reason: 'BadDeviceFailure', text: 'flue_gas_oxygen: the device reports a failure (code 4)', doing: 'reads again at the next interval', open: true })
  }
  return found
}

interface Group {
  device: DeviceState
  name: string
  tags: number
  perMs: number
  troubles: Trouble[]
}

function groupsOf(edge: MockEdge, only: string | null, now: number): Group[] {
  return edge.devices
    .filter((device) => only === null || device.name === only)
    .flatMap((device) =>
      device.groups.map((group) => {
        const tags = [...device.tags.values()].filter((tag) => tag.point.group === group.name).length
        return { device, name: group.name, tags, perMs: tags / group.intervalMs, troubles: troubles(edge, device, group.name, tags, now) }
      }),
    )
    .filter((group) => group.tags > 0)
}

const overlap = (from: number, to: number, trouble: Trouble) => Math.max(0, Math.min(to, trouble.to) - Math.max(from, trouble.from))

/** How many of the samples that are due up to a time; whole ones, so that every sum of stretches agrees. */
const upTo = (perMs: number, at: number) => Math.floor(perMs * at)
const due = (perMs: number, from: number, to: number) => Math.max(0, upTo(perMs, to) - upTo(perMs, from))

function add(causes: Cause[], { reason, text }: Pick<Cause, 'reason' | 'text'>, samples: number) {
  if (samples === 0) return
  const found = causes.find((each) => each.reason === reason && each.text === text)
  if (found === undefined) causes.push({ reason, text, samples })
  else found.samples += samples
}

const empty = (): Account => ({ expected: 0, good: 0, uncertain: 0, bad: [], suppressed: 0, missed: [], stored: 0 })
const total = (causes: Cause[]) => causes.reduce((sum, each) => sum + each.samples, 0)

function accountOf(group: Group, from: number, to: number): Account {
  const account = empty()
  account.expected = due(group.perMs, from, to)
  let left = account.expected
  for (const trouble of group.troubles) {
    if (overlap(from, to, trouble) <= 0) continue
    const samples = Math.min(left, Math.round(trouble.share * due(group.perMs, Math.max(from, trouble.from), Math.min(to, trouble.to))))
    add(account[trouble.kind], trouble, samples)
    left -= samples
  }
  account.suppressed = group.name === 'slow' ? Math.round(left * 0.4) : 0
  left -= account.suppressed
  const doubtful = [...group.device.tags.values()].filter((tag) => tag.point.group === group.name && calibrates(tag, (from + to) / 2)).length
  account.uncertain = Math.round((left * doubtful) / Math.max(1, group.tags))
  account.good = left - account.uncertain
  account.stored = account.good + account.uncertain + total(account.bad)
  return account
}

function into(sum: Account, each: Account) {
  for (const key of ['expected', 'good', 'uncertain', 'suppressed', 'stored'] as const) sum[key] += each[key]
  for (const key of ['bad', 'missed'] as const) for (const cause of each[key]) add(sum[key], cause, cause.samples)
}

function sumOf(group: Group, times: [number, number][]): Account {
  const sum = empty()
  for (const [from, to] of times) into(sum, accountOf(group, from, to))
  return sum
}

const lengths = [60, 300, 900, 3_600, 21_600, 86_400]
const intervalsMost = 200

const secondsFor = (from: number, to: number) => lengths.find((each) => (to - from) / 1_000 / each <= intervalsMost) ?? 86_400

/** A range cut at round times. */
function pieces(from: number, to: number, stepMs: number): [number, number][] {
  const found: [number, number][] = []
  for (let begin = from; begin < to; ) {
    const end = Math.min(to, Math.floor(begin / stepMs + 1) * stepMs)
    found.push([begin, end])
    begin = end
  }
  return found
}

interface Sent {
  delivered: number
  pending: number
  rejected: number
  lost: Cause[]
}

/** What was stored in a stretch goes on to both sinks, but for what waits, was refused or was lost. */
function sentOf(edge: MockEdge, letters: Letters, sink: string, stored: number, from: number, to: number, now: number): Sent {
  const span = Math.max(1, to - from)
  const share = (begin: number, end: number) => Math.max(0, Math.min(to, end) - Math.max(from, begin)) / span
  const sent: Sent = { delivered: stored, pending: 0, rejected: 0, lost: [] }
  const take = (samples: number) => {
    const taken = Math.min(sent.delivered, samples)
    sent.delivered -= taken
    return taken
  }
  if (sink === 'cloud') {
    const begin = edge.started - 75 * hourMs
    const lost = take(Math.round(stored * share(begin, begin + 12 * 60_000)))
    if (lost > 0) sent.lost.push({ reason: 'backlog', text: 'the backlog was larger than this sink may keep', samples: lost })
    sent.pending = take(Math.round(stored * share(edge.scenario === 'faults' ? edge.sinkSince : now - 400, now)))
    return sent
  }
  for (const letter of letters.known()) {
    if (letter.at < from || letter.at >= to) continue
    if (letter.end === 'waits') sent.rejected += take(letter.samples)
    else if (letter.end === 'discarded') {
      const lost = take(letter.samples)
      const known = sent.lost[0]
      if (known === undefined) sent.lost.push({ reason: 'discarded', text: 'given up as dead letters', samples: lost })
      else known.samples += lost
    }
  }
  return sent
}

function deviationsOf(groups: Group[], from: number, to: number): Deviation[] {
  return groups.flatMap(({ device, name, perMs, troubles: all }) =>
    all
      .filter((trouble) => overlap(from, to, trouble) > 0)
      .map((trouble): Deviation => {
        const samples = Math.round(trouble.share * due(perMs, Math.max(from, trouble.from), Math.min(to, trouble.to)))
        return { kind: trouble.kind, device: device.name, group: name, sink: null, from: iso(trouble.from), to: iso(trouble.to), open: trouble.open, reason: trouble.reason, text: trouble.text, samples, doing: trouble.doing }
      }),
  )
}

const iso = (at: number) => new Date(at).toISOString()
const sinkNames = ['cloud', 'mes']

function rangeIn(url: URL, now: number): [number, number] {
  const read = (name: string) => {
    const text = url.searchParams.get(name)
    return text === null ? undefined : Date.parse(text)
  }
  const to = Math.min(read('to') ?? Infinity, Math.ceil(now / 60_000) * 60_000)
  const from = Math.floor((read('from') ?? to - hourMs) / 60_000) * 60_000
  if (!(from < to)) throw new Refused(422, 'invalid', `The ledger from ${url.searchParams.get('from')} to ${url.searchParams.get('to')}: the end does not lie after the beginning.`, 'Choose a later end; nothing is known of times to come.')
  return [from, to]
}

export function ledgerOf(edge: MockEdge, letters: Letters, from: number, to: number, device: string | null, now: number): Ledger {
  const born = edge.started - keptMs
  const groups = groupsOf(edge, device, now)
  const seconds = secondsFor(from, to)
  const sinks: SinkAccount[] = groups.length === 0 ? [] : sinkNames.map((sink) => ({ sink, state: edge.sinks().find((each) => each.name === sink)?.state ?? 'connected', expected: 0, delivered: 0, pending: 0, pending_since: null, rejected: 0, lost: [], doing: null }))
  const account = empty()
  const intervals: LedgerInterval[] = []
  for (const [begin, end] of pieces(Math.max(from, born), Math.min(to, now), seconds * 1_000)) {
    const here = empty()
    for (const group of groups) into(here, accountOf(group, begin, end))
    into(account, here)
    const interval: LedgerInterval = { time: iso(begin), expected: here.expected, good: here.good, uncertain: here.uncertain, bad: total(here.bad), suppressed: here.suppressed, missed: total(here.missed), sinks: [] }
    for (const sink of sinks) {
      const sent = sentOf(edge, letters, sink.sink, here.stored, begin, end, now)
      interval.sinks.push({ sink: sink.sink, delivered: sent.delivered, pending: sent.pending, rejected: sent.rejected, lost: total(sent.lost) })
      sink.expected += here.stored
      sink.delivered += sent.delivered
      sink.pending += sent.pending
      sink.rejected += sent.rejected
      for (const cause of sent.lost) add(sink.lost, cause, cause.samples)
    }
    intervals.push(interval)
  }
  for (const sink of sinks) {
    if (sink.pending > 0) {
      sink.pending_since = iso(edge.scenario === 'faults' ? Math.max(from, edge.sinkSince) : now - 400)
      sink.doing = edge.scenario === 'faults' ? 'kept in the journal; tries again every 22 s' : null
    }
    if (sink.rejected > 0) sink.doing = 'kept as dead letters, until they are retried or discarded'
  }
  const deviations = deviationsOf(groups, from, Math.min(to, now))
  const begin = edge.started - 75 * hourMs
  const lost = total(sinks[0]?.lost ?? [])
  if (lost > 0) deviations.push({ kind: 'lost', device: null, group: null, sink: 'cloud', from: iso(begin), to: iso(begin + 12 * 60_000), open: false, reason: 'backlog', text: 'the backlog was larger than this sink may keep', samples: lost, doing: null })
  for (const causes of [account.bad, account.missed]) causes.sort((a, b) => b.samples - a.samples)
  return {
    from: iso(from),
    to: iso(to),
    known_from: groups.length === 0 ? null : iso(born),
    account,
    sinks,
    interval_s: seconds,
    intervals,
    deviations: deviations.toSorted((a, b) => Date.parse(b.from) - Date.parse(a.from)).slice(0, 200),
    more_deviations: Math.max(0, deviations.length - 200),
  }
}

export function ledgerRoutes(edge: MockEdge, letters: Letters): Route[] {
  return [
    [/^GET \/ledger$/, 'viewer', ({ url }) => {
      const now = Date.now()
      return ledgerOf(edge, letters, ...rangeIn(url, now), url.searchParams.get('device'), now)
    }],
    [/^GET \/ledger\/groups$/, 'viewer', ({ url }) => {
      const now = Date.now()
      const [from, to] = rangeIn(url, now)
      const rows = groupsOf(edge, url.searchParams.get('device'), now).map((group): GroupAccount => ({ device: group.device.name, group: group.name, tags: group.tags, ...sumOf(group, pieces(Math.max(from, edge.started - keptMs), Math.min(to, now), secondsFor(from, to) * 1_000)) }))
      const lacking = (row: GroupAccount) => total(row.missed) * 1_000 + total(row.bad)
      const all = rows.toSorted((a, b) => lacking(b) - lacking(a))
      const offset = Number(url.searchParams.get('offset') ?? 0)
      const items = all.slice(offset, offset + Number(url.searchParams.get('limit') ?? 100))
      return { items, total: all.length, next: offset + items.length < all.length ? offset + items.length : undefined }
    }],
  ]
}
