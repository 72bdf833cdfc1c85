/** What the ledger says in plain words: the verdict, its figures, the parts of its charts, its CSV. */
import type { Account, Cause, Deviation, Ledger, LedgerInterval, SinkAccount, SinkInterval } from '../api/ledger'
import { count, plural } from './numbers'
import { duration, interval, moment } from './time'
import { rangeOf, type Range } from './trend'

export const ledgerSpans = [
  ['1h', 'Last hour', 3_600_000],
  ['24h', '24 h', 86_400_000],
  ['7d', '7 d', 604_800_000],
] as const

export const ledgerRange = (search: URLSearchParams): Range => rangeOf(search, ledgerSpans)

export const samplesOf = (causes: Cause[]): number => causes.reduce((sum, each) => sum + each.samples, 0)

/** How a part is drawn: what is well stays calm, yellow is doubtful, red did not come well, hatched red did not come. */
export type Look = 'well' | 'calm' | 'warn' | 'bad' | 'gone'

export const parts = [
  ['good', 'good', 'well'],
  ['suppressed', 'unchanged', 'calm'],
  ['uncertain', 'uncertain', 'warn'],
  ['bad', 'without a value', 'bad'],
  ['missed', 'not read', 'gone'],
] as const satisfies readonly (readonly [keyof LedgerInterval, string, Look])[]

export const sinkParts = [
  ['delivered', 'delivered', 'well'],
  ['pending', 'waiting', 'warn'],
  ['rejected', 'refused', 'bad'],
  ['lost', 'lost', 'gone'],
] as const satisfies readonly (readonly [keyof SinkInterval, string, Look])[]

export const accountPart = (account: Account, part: (typeof parts)[number][0]): number =>
  part === 'bad' || part === 'missed' ? samplesOf(account[part]) : account[part]

export interface Verdict {
  tone: 'good' | 'warn' | 'bad' | 'info'
  title: string
  /** for those who hear it: without the figures that move all the time */
  spoken: string
  /** the gravest reason; empty when nothing is wrong */
  why: string
  figures: string
}

/** A batch on its way is no backlog. */
const backlogMs = 60_000

export function waitsLong(sink: SinkAccount, now: number): boolean {
  return sink.pending > 0 && sink.pending_since !== null && (sink.state !== 'connected' || now - Date.parse(sink.pending_since) > backlogMs)
}

export function inWords(range: Range): string {
  if (!range.live) return `from ${moment(new Date(range.from).toISOString())} to ${moment(new Date(range.to).toISOString())}`
  return range.key === '1h' ? 'in the last hour' : `in the last ${range.key === '24h' ? '24 hours' : '7 days'}`
}

const listed = (items: string[]) => (items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`)

export function verdictOf(ledger: Ledger, range: Range, now: number): Verdict {
  const { account, sinks, deviations } = ledger
  const when = inWords(range)
  const figures = figuresIn(ledger)
  const gone = missing(account, sinks)
  const waiting = sinks.filter((sink) => waitsLong(sink, now))
  if (gone.length > 0) {
    const open = deviations.some((each) => each.open)
    const why = [gravest(ledger), keptFor(sinks), waitsFor(waiting)].filter((each) => each !== '').join(' ')
    return { tone: open ? 'bad' : 'warn', title: `${asSentence(gone)} ${when}.`, spoken: open ? 'Something is missing, and it goes on.' : 'Something is missing; what caused it is over.', why, figures }
  }
  if (waiting.length > 0) return { tone: 'warn', title: `Nothing is missing ${when}, but not all of it is delivered yet.`, spoken: 'Nothing is missing, but not all of it is delivered yet.', why: waitsFor(waiting), figures }
  if (account.expected === 0) return { tone: 'info', title: `Nothing was expected ${when}.`, spoken: 'Nothing was expected.', why: '', figures: '' }
  return { tone: 'good', title: `Nothing is missing ${when}.`, spoken: 'Nothing is missing.', why: '', figures }
}

function keptFor(sinks: SinkAccount[]): string {
  const refused = sinks.filter((sink) => sink.rejected > 0).map(({ sink }) => sink)
  return refused.length === 0 ? '' : `What ${listed(refused)} refused is kept as dead letters, until someone retries or discards them.`
}

/** What is missing, as number and what became of it. */
function missing(account: Account, sinks: SinkAccount[]): [number, string][] {
  const found: [number, string][] = [
    [samplesOf(account.missed), 'not read'],
    [samplesOf(account.bad), 'stored without a value'],
    ...sinks.map((sink): [number, string] => [samplesOf(sink.lost), `lost on the way to ${sink.sink}`]),
    ...sinks.map((sink): [number, string] => [sink.rejected, `refused by ${sink.sink}`]),
  ]
  return found.filter(([samples]) => samples > 0)
}

function asSentence(gone: [number, string][]): string {
  return listed(gone.map(([samples, what], index) => `${index === 0 ? plural(samples, 'sample') : count(samples)} ${samples === 1 ? 'was' : 'were'} ${what}`))
}

const newestOpen = (a: Deviation, b: Deviation) => Number(b.open) - Number(a.open) || b.samples - a.samples

/** What goes on now before what is over, then by samples. */
function gravest({ account, deviations, more_deviations: more }: Ledger): string {
  const first = deviations.toSorted(newestOpen)[0]
  if (first === undefined) {
    const cause = [...account.missed, ...account.bad].toSorted((a, b) => b.samples - a.samples)[0]
    return cause === undefined ? '' : `${capital(cause.text)}.`
  }
  const others = deviations.length - 1 + more
  const rest = others === 0 ? '' : ` ${plural(others, 'other stretch', 'other stretches')} ${others === 1 ? 'is' : 'are'} listed below.`
  return `${whereOf(first)}: ${first.text}, ${whenOf(first)}.${rest}`
}

export const whereOf = ({ device, group, sink }: Deviation): string => (sink ?? [device, group].filter((each) => each !== null).join(', group ')) || 'This edge'

/** The end of a stretch: without the day, where it began on the same. */
export function endAfter(from: string, to: string): string {
  const end = moment(to)
  return new Date(from).toDateString() === new Date(to).toDateString() ? (end.split(', ').at(-1) ?? end) : end
}

/** `since 14:02:00 (3 min)`, `14:02:00 to 14:05:00 (3 min)`. */
export function whenOf({ from, to, open }: Deviation): string {
  const lasted = duration(Date.parse(to) - Date.parse(from))
  return open ? `since ${moment(from)} (${lasted})` : `${moment(from)} to ${endAfter(from, to)} (${lasted})`
}

const waitsFor = (waiting: SinkAccount[]) =>
  waiting.length === 0 ? '' : `${listed(waiting.map((sink) => `${plural(sink.pending, 'sample')} ${sink.pending === 1 ? 'waits' : 'wait'} for ${sink.sink}, the oldest since ${moment(sink.pending_since ?? '')}`))}.`

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

function figuresIn({ account, sinks }: Ledger): string {
  const said = [`${plural(account.expected, 'sample')} expected`, `${count(account.stored)} stored`]
  if (account.suppressed > 0) said.push(`${count(account.suppressed)} unchanged and left out`)
  const [first] = sinks
  if (first !== undefined) {
    const alike = sinks.every((sink) => sink.delivered === first.delivered)
    if (alike) said.push(`${count(first.delivered)} delivered to ${sinks.length === 1 ? first.sink : plural(sinks.length, 'sink')}`)
    else said.push(...sinks.slice(0, 3).map((sink) => `${count(sink.delivered)} delivered to ${sink.sink}`))
  }
  return `${said.join(', ')}.`
}

const weight = (sink: SinkAccount) => samplesOf(sink.lost) * 1_000 + sink.rejected * 10 + sink.pending

/** The sink whose way is worth looking at: it lost most, or most waits for it. */
export function worstSink(sinks: SinkAccount[]): string | undefined {
  return sinks.toSorted((a, b) => weight(b) - weight(a))[0]?.sink
}

/** `per minute`, `per 10 min`: the length of one column. */
export const perInterval = (seconds: number): string => (seconds === 60 ? 'per minute' : seconds === 3_600 ? 'per hour' : `per ${interval(seconds * 1_000)}`)

/** Where each interval ends: the first and the last may be cut. */
export function endsOf({ intervals, interval_s: seconds, to }: Ledger): number[] {
  return intervals.map((each, index) => Math.min(Date.parse(each.time) + seconds * 1_000, Date.parse(intervals[index + 1]?.time ?? to)))
}

const some = (figures: [number, string][]) => figures.flatMap(([samples, name]) => (samples > 0 ? [`${count(samples)} ${name}`] : []))

/** An interval in a sentence, for the cursor and for those who hear it. */
export function readingOf(each: LedgerInterval, ends: number, sink: string | undefined): { time: string; stored: string; sent: string } {
  const sent = each.sinks.find((one) => one.sink === sink)
  const said = some(sinkParts.map(([key, name]) => [sent?.[key] ?? 0, name]))
  return {
    time: `${moment(each.time)} to ${moment(new Date(ends).toISOString())}`,
    stored: [`${count(each.expected)} expected`, ...some(parts.map(([key, name]) => [each[key], name]))].join(', '),
    sent: sink === undefined ? '' : `${sink}: ${said.length === 0 ? 'nothing' : said.join(', ')}`,
  }
}

const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** One line an interval, with four columns for each sink. */
export function ledgerCsv({ intervals, interval_s: seconds, sinks }: Ledger): string {
  const names = sinks.map(({ sink }) => sink)
  const head = ['time', 'seconds', 'expected', ...parts.map(([key]) => key), ...names.flatMap((name) => sinkParts.map(([key]) => `${name} ${key}`))]
  const lines = intervals.map((each) => {
    const sent = names.flatMap((name) => {
      const found = each.sinks.find(({ sink }) => sink === name)
      return sinkParts.map(([key]) => found?.[key] ?? 0)
    })
    return [each.time, seconds, each.expected, ...parts.map(([key]) => each[key]), ...sent]
  })
  return [head, ...lines].map((line) => `${line.map((each) => cell(String(each))).join(',')}\r\n`).join('')
}
