/** A trial of a rule: over which time, over which rows, and its answer in words. */
import type { SqlTables } from '../api/history'
import type { RuleComparison, RuleTrial, RuleTrialRequest } from '../api/rules'
import { count, plural } from './numbers'
import { duration, localTime } from './time'
import type { View } from './trend'

export const trialSpans = [
  ['hour', 'Last hour'],
  ['day', 'Last 24 hours'],
  ['yesterday', 'Yesterday'],
  ['own', 'From and to'],
] as const
export type TrialSpan = (typeof trialSpans)[number][0]

/** In the reader's own zone. */
export function spanOf(span: Exclude<TrialSpan, 'own'>, now: number): View {
  if (span === 'hour') return { from: now - 3_600_000, to: now }
  if (span === 'day') return { from: now - 86_400_000, to: now }
  const midnight = new Date(now)
  midnight.setHours(0, 0, 0, 0)
  const before = new Date(midnight)
  before.setDate(before.getDate() - 1)
  return { from: before.getTime(), to: midnight.getTime() }
}

export function ownProblem({ from, to }: View): string | undefined {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return 'Enter a day and a time in both fields.'
  return to <= from ? 'The end must lie after the beginning.' : undefined
}

export type Pasted = { ok: true; json: string } | { ok: false; problem: string }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Rows as they were pasted: by table, or in a list where only one table is read. Their digits stay as they are. */
export function pastedRows(typed: string, tables: readonly string[]): Pasted {
  if (typed.trim() === '') return { ok: false, problem: 'Paste rows first, or take the example.' }
  let value: unknown
  try {
    value = JSON.parse(typed)
  } catch (error) {
    return { ok: false, problem: `This is not JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
  const [only, ...others] = tables
  if (Array.isArray(value)) {
    if (only === undefined || others.length > 0) return { ok: false, problem: 'Say which table the rows are of: {"table": [ … ]}.' }
    if (!value.every(isRecord)) return { ok: false, problem: 'Each row is an object, such as {"temperature": 91.5}.' }
    return { ok: true, json: `{${JSON.stringify(only)}:${typed}}` }
  }
  if (!isRecord(value)) return { ok: false, problem: 'Give an object with a list of rows for each table: {"table": [{"column": 1}]}.' }
  for (const [table, rows] of Object.entries(value)) {
    if (!Array.isArray(rows) || !rows.every(isRecord)) return { ok: false, problem: `The rows of \`${table}\` must be a list of objects, such as [{"temperature": 91.5}].` }
  }
  return { ok: true, json: typed }
}

/** The body of a trial over pasted rows, whose numbers are not touched. */
export function withRawRows(request: object, rows: string): string {
  const json = JSON.stringify(request)
  return `${json.slice(0, -1)}${json === '{}' ? '' : ','}"rows":${rows}}`
}

export interface TrialSource {
  over: 'history' | 'rows'
  span: TrialSpan
  from: string
  to: string
  rows: string
}

export function firstSource(now: number): TrialSource {
  return { over: 'history', span: 'hour', from: localTime(now - 3_600_000), to: localTime(now), rows: '' }
}

export const trialRowsMost = 10_000

/** What is asked of the edge, as JSON; or what is wrong with the source. */
export function trialRequest(source: TrialSource, rule: Pick<RuleTrialRequest, 'name' | 'sql' | 'lateness' | 'actions'>, tables: readonly string[], now: number): { raw: string } | { problem: string } {
  const request: RuleTrialRequest = { ...rule, limit: trialRowsMost }
  if (source.over === 'rows') {
    const pasted = pastedRows(source.rows, tables)
    return pasted.ok ? { raw: withRawRows(request, pasted.json) } : { problem: pasted.problem }
  }
  const view = source.span === 'own' ? { from: Date.parse(source.from), to: Date.parse(source.to) } : spanOf(source.span, now)
  const problem = ownProblem(view)
  if (problem !== undefined) return { problem }
  return { raw: JSON.stringify({ ...request, from: new Date(view.from).toISOString(), to: new Date(view.to).toISOString() }) }
}

const sampleOf = (type: string, at: number): unknown => (/^bool/i.test(type) ? at % 2 === 1 : /^(varchar|text|utf8)/i.test(type) ? `text ${at + 1}` : Math.round((20 + 1.5 * at) * 10) / 10)

/** Three rows to start from, with the columns that the query names. */
export function exampleRows(sql: string, tables: readonly string[], all: SqlTables, now: number): string {
  const names = tables.length > 0 ? tables : all.tables.slice(0, 1).map((table) => table.name)
  const words = new Set([...sql.matchAll(/"([^"]+)"|\w+/g)].map(([whole, quoted]) => quoted ?? whole.toLowerCase()))
  const lists = names.map((name) => {
    const columns = (all.tables.find((table) => table.name === name)?.columns ?? []).filter((column) => column.type !== 'TIMESTAMP')
    const used = columns.filter((column) => words.has(column.name))
    const chosen = used.length > 0 ? used : columns.slice(0, 1)
    const rows = [0, 1, 2].map((at) => JSON.stringify(Object.fromEntries([['time', new Date(now - (2 - at) * 1_000).toISOString()], ...chosen.map((column): [string, unknown] => [column.name, sampleOf(column.type, at)])])))
    return `  ${JSON.stringify(name)}: [\n    ${rows.join(',\n    ')}\n  ]`
  })
  return `{\n${lists.join(',\n')}\n}`
}

/** What a trial came to. */
export function trialWords({ rows_in: rowsIn, rows_out: rowsOut, seconds }: RuleTrial): string {
  return `${plural(rowsIn, 'row')} in, ${plural(rowsOut, 'row')} out, in ${duration(seconds * 1_000)}`
}

export function comparedWords({ same, only_trial: onlyTrial, only_live: onlyLive }: RuleComparison): string {
  if (onlyTrial === 0 && onlyLive === 0) return same === 0 ? 'Neither this nor the live rule gives a row.' : `The same as the live rule: ${plural(same, 'row')}.`
  const parts = [`${plural(same, 'row is', 'rows are')} the same`, onlyTrial > 0 ? `${count(onlyTrial)} only this gives` : '', onlyLive > 0 ? `${count(onlyLive)} only the live rule gives` : '']
  return `${parts.filter((part) => part !== '').join(', ')}.`
}
