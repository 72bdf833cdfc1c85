/** Rules in words and as rows: what states are called, what an address asks for, values as exact texts. */
import type { SqlColumn, SqlTables, SqlTextAnswer } from '../api/history'
import type { Rule, RuleColumn, RuleFilter, RuleRow, RuleStage, RuleState } from '../api/rules'
import { pageOf } from './alarms'
import { sqlName } from './sql'
import { duration } from './time'

export const stageWords: Record<RuleStage, string> = { draft: 'draft', trial: 'trial', live: 'live' }

export const stageMeanings: Record<RuleStage, string> = {
  draft: 'Stopped: kept, and not run.',
  trial: 'Runs and shows its rows here; nothing is stored, raised or written.',
  live: 'Runs; its rows are stored, and its actions are done.',
}

export const stateWords: Record<RuleState, string> = { running: 'running', waiting: 'waiting', stopped: 'stopped', failed: 'failed' }

export const rulePageSize = 100

/** What an address asks of the edge. */
export function ruleFilter(search: URLSearchParams): RuleFilter {
  const part = (key: string) => search.get(key) ?? ''
  return { stage: part('stage'), state: part('state'), label: part('label'), text: part('text'), offset: pageOf(search) * rulePageSize, limit: rulePageSize }
}

/** What is the matter with a rule and what to do; nothing while all is well. */
export function troubleOf(rule: Rule): { tone: 'bad' | 'warn'; problem: string; remedy: string } | undefined {
  const reason = rule.reason ?? ''
  const last = rule.last_error ?? undefined
  if (rule.state === 'failed') return { tone: 'bad', problem: reason !== '' ? reason : (last?.text ?? 'The rule has failed.'), remedy: 'Open the rule, mend its SQL, try it on history, and save it: it starts again by itself.' }
  if (rule.state === 'waiting' && reason !== '') return { tone: 'warn', problem: reason, remedy: 'The rule starts by itself as soon as that is there.' }
  if (last !== undefined && rule.errors > 0) return { tone: 'warn', problem: last.text, remedy: 'Such rows give nothing; the rule goes on with the next. Try it on the history of that time, and let the SQL take such values into account.' }
  return undefined
}

/** A share of one core, as few digits as tell it from its neighbours. */
export function shareWords(share: number): string {
  const percent = share * 100
  if (percent === 0) return '0 %'
  if (percent < 0.01) return '< 0.01 %'
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`
}

/** What a rule costs now, where that is known, and what it has cost. */
export function costWords(share: number | undefined, busySeconds: number): [string, string] {
  return [share === undefined ? '' : `${shareWords(share)} of a core`, `${duration(busySeconds * 1_000)} in all`]
}

/** A value with all its digits. */
export function exact(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const isNumber = (type: string) => /^(u?int|float|double|real|decimal|numeric|bigint|smallint|tinyint)/i.test(type)
export const isBoolean = (type: string) => /^bool/i.test(type)

/** Rows as results of queries are shown: the time first. */
export function answerOf(columns: RuleColumn[], rows: RuleRow[], more: { truncated?: boolean; elapsedMs?: number } = {}): SqlTextAnswer {
  const time: SqlColumn = { name: 'time', type: 'TIMESTAMP', numeric: false, time: true }
  const others = columns.map(({ name, data_type: type, unit }): SqlColumn => ({ name, type: isBoolean(type) ? 'BOOLEAN' : unit === '' ? type : `${type}, ${unit}`, numeric: isNumber(type), time: false }))
  return { columns: [time, ...others], rows: rows.map((row) => [row.time, ...columns.map((_, index) => exact(row.values[index]))]), truncated: more.truncated ?? false, elapsed_ms: more.elapsedMs ?? 0 }
}

/** One more or less than before: labels as they are typed, apart by commas or spaces. */
export function labelsOf(typed: string): string[] {
  return [...new Set(typed.split(/[\s,]+/).filter((each) => each !== ''))]
}

/** A query to start from, on what there is. */
export function firstQuery({ tables }: SqlTables): string {
  const device = tables.find((table) => table.kind === 'device')
  const tag = device?.columns.find((column) => column.type === 'DOUBLE')?.name
  if (device === undefined || tag === undefined) return ''
  const name = sqlName(tag)
  return `SELECT avg(${name}) AS mean,\n       max(${name}) AS highest,\n       max(${name}) > 90 AS high\nFROM ${sqlName(device.name)}\nGROUP BY tumbling_window('10s')`
}
