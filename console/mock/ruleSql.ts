/** The mock's idea of SQL over streams: finds a few plain mistakes, and works out a few shapes of rule. */
import type { RuleCheck, RuleColumn, RuleFinding, RuleRow } from '../src/api/rules'

export interface Stream {
  name: string
  columns: { name: string; type: string; unit: string }[]
}

export type Cells = Record<string, unknown>

interface Item {
  expression: string
  name: string
  at: number
}

const windows = /\b(tumbling|hopping|sliding|session|count|state)_window\s*\(\s*(?:'([^']*)')?/i
const aggregates = /\b(avg|sum|min|max|count|stddev)\s*\(/i

export const placeOf = (sql: string, at: number) => {
  const before = sql.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** How many letters differ. */
function apart(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)))
    row = next
  }
  return row.at(-1) ?? 0
}

export const nearest = (name: string, all: string[]) => all.map((each) => ({ each, distance: apart(name.toLowerCase(), each.toLowerCase()) })).toSorted((a, b) => a.distance - b.distance)[0]

function itemsOf(sql: string): Item[] {
  const found = /select\s+(?:distinct\s+)?([\s\S]*?)\bfrom\b/i.exec(sql)
  const list = found?.[1] ?? ''
  const begin = (found?.index ?? 0) + (found?.[0].indexOf(list) ?? 0)
  const items: Item[] = []
  let [depth, start] = [0, 0]
  for (let at = 0; at <= list.length; at++) {
    const letter = list[at] ?? ','
    if (letter === '(') depth++
    if (letter === ')') depth--
    if (letter !== ',' || depth > 0) continue
    const text = list.slice(start, at)
    const [, expression = '', quoted, name] = /^([\s\S]*?)(?:\s+as\s+(?:"([^"]+)"|([\w.-]+)))?\s*$/i.exec(text.trim()) ?? []
    const plain = /^"?([\w.-]+)"?$/.exec(expression)?.[1]
    if (expression !== '') items.push({ expression, name: quoted ?? name ?? plain ?? '', at: begin + start + (text.length - text.trimStart().length) })
    start = at + 1
  }
  return items
}

const fromOf = (sql: string) => /\bfrom\s+("([^"]+)"|[\w]+)/i.exec(sql)
export const tableOf = (sql: string): string => {
  const from = fromOf(sql)
  return from?.[2] ?? from?.[1] ?? ''
}

function typeOf(expression: string, stream: Stream): string {
  if (/[<>]|\bis\s+(not\s+)?null\b|had_changed|[^<>]=/i.test(expression) && !/^case/i.test(expression)) return 'Boolean'
  if (/^count\(|_count\(/i.test(expression)) return 'Int64'
  if (/window_(start|end)\(/i.test(expression)) return 'Timestamp'
  const plain = /^"?([\w.-]+)"?$/.exec(expression)?.[1]
  const column = stream.columns.find((each) => each.name === plain)
  return column === undefined ? 'Float64' : (({ BOOLEAN: 'Boolean', VARCHAR: 'Utf8', BIGINT: 'Int64', 'BIGINT UNSIGNED': 'UInt64' })[column.type] ?? 'Float64')
}

const known = new Set('select distinct from where group by having order limit as and or not is null between in case when then else end join left right on using union all with cast filter over partition true false avg sum min max count stddev tumbling_window hopping_window sliding_window session_window count_window state_window window_start window_end lag latest had_changed changed_value running_sum running_min running_max running_avg running_count rate_of abs round coalesce greatest least interval time desc asc double bigint boolean'.split(' '))

function columnFindings(sql: string, stream: Stream, note: (at: number, problem: string, remedy: string) => void) {
  const named = new Set([...stream.columns.map((each) => each.name), ...itemsOf(sql).filter((each) => each.expression.replaceAll('"', '') !== each.name).map((each) => each.name), stream.name])
  const bare = sql.replaceAll(/'[^']*'/g, (text) => ' '.repeat(text.length)).replaceAll(/--[^\n]*/g, (text) => ' '.repeat(text.length))
  for (const word of bare.matchAll(/"([^"]+)"|[A-Za-z_]\w*/g)) {
    const name = word[1] ?? word[0]
    if (known.has(name.toLowerCase()) || named.has(name)) continue
    const near = nearest(name, stream.columns.map((each) => each.name))
    const columns = stream.columns.slice(0, 6).map((each) => each.name).join(', ')
    note(word.index, `\`${stream.name}\` has no column \`${name}\``, near !== undefined && near.distance <= 4 ? `Did you mean \`${near.each}\`?` : `Use one of its columns, such as ${columns}.`)
    return
  }
}

export function check(sql: string, streams: Stream[], units: Record<string, string> = {}): RuleCheck {
  const findings: RuleFinding[] = []
  const note = (at: number, problem: string, remedy: string) => findings.push({ ...placeOf(sql, at), problem, remedy })
  const none: RuleCheck = { findings, columns: [], tables: [] }
  const start = Math.max(0, sql.search(/\S/))
  if (!/^\s*(select|with)\b/i.test(sql)) {
    note(start, `expected a SELECT, found \`${sql.trim().split(/\s/)[0] ?? ''}\``, 'Begin with SELECT: a rule is one SELECT over streams.')
    return none
  }
  const from = fromOf(sql)
  if (from === null) {
    note(sql.trimEnd().length, 'the SELECT reads no stream', 'Add FROM and the name of a device, a template, `samples` or another rule.')
    return none
  }
  const name = tableOf(sql)
  const stream = streams.find((each) => each.name === name)
  if (stream === undefined) {
    const near = nearest(name, streams.map((each) => each.name))
    note(from.index + from[0].indexOf(from[1] ?? ''), `there is no stream \`${name}\``, near === undefined || near.distance > 4 ? 'Use the name of a device, a template, `samples` or another rule.' : `Did you mean ${/^[a-z_]\w*$/.test(near.each) ? `\`${near.each}\`` : `\`"${near.each}"\`, in double quotes because of its hyphen`}?`)
    return none
  }
  const items = itemsOf(sql)
  const windowed = windows.test(sql)
  for (const item of items) {
    if (item.expression !== '*' && item.name === '') note(item.at, `the column \`${item.expression}\` has no name`, 'Give it one with AS, such as `AS value`.')
    if (!windowed && aggregates.test(item.expression) && !/running_/i.test(item.expression)) note(item.at, `\`${aggregates.exec(item.expression)?.[1] ?? ''}\` needs a window`, "Add GROUP BY tumbling_window('10s'), or use running_avg and its like.")
  }
  if (!windowed && /\border\s+by\b/i.test(sql)) note(sql.search(/\border\s+by\b/i), 'without a window there is nothing to sort', "Leave ORDER BY out, or add GROUP BY with a window.")
  if (findings.length === 0) columnFindings(sql, stream, note)
  if (findings.length > 0) return none
  const columns = items.flatMap((item): RuleColumn[] => (item.expression === '*' ? stream.columns.filter((each) => each.name !== 'time').map((each) => ({ name: each.name, data_type: typeOf(`"${each.name}"`, stream), unit: each.unit })) : [{ name: item.name, data_type: typeOf(item.expression, stream), unit: units[item.name] ?? '' }]))
  return { findings, columns, tables: [name], plan: `${windowed ? `Window ${windows.exec(sql)?.[0] ?? ''}…\n  ` : ''}Project ${items.map((each) => each.expression).join(', ')}\n${windowed ? '    ' : '  '}Stream ${name}` }
}

const spans: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

function number(text: string, rows: Cells[]): unknown {
  const plain = text.trim()
  if (/^-?\d+(\.\d+)?$/.test(plain)) return Number(plain)
  if (/^count\(/i.test(plain)) return rows.length
  const [, call, argument = ''] = /^(avg|sum|min|max|stddev)\(\s*"?([\w.-]+)"?\s*\)$/i.exec(plain) ?? []
  if (call === undefined) {
    const name = /^(?:lag|latest|changed_value)?\(?\s*"?([\w.-]+)"?\s*\)?$/i.exec(plain)?.[1] ?? plain
    return rows.at(-1)?.[name] ?? null
  }
  const values = rows.map((row) => row[argument]).filter((each) => typeof each === 'number')
  if (values.length === 0) return null
  const sum = values.reduce((total, each) => total + each, 0)
  const results: Record<string, number> = { avg: sum / values.length, sum, min: Math.min(...values), max: Math.max(...values), stddev: 0 }
  return Math.round((results[call.toLowerCase()] ?? 0) * 1_000) / 1_000
}

function valueOf(expression: string, rows: Cells[]): unknown {
  const [, left = '', sign, right = ''] = /^([\s\S]+?)\s*(<=|>=|<>|<|>|=)\s*([\s\S]+)$/.exec(expression) ?? []
  if (sign === undefined) return number(expression, rows)
  const [a, b] = [number(left, rows), number(right, rows)]
  if (a === null || b === null) return null
  const [x, y] = [Number(a), Number(b)]
  return { '<': x < y, '>': x > y, '<=': x <= y, '>=': x >= y, '=': x === y, '<>': x !== y }[sign] ?? null
}

/** What the SELECT gives of rows with their times, oldest first. */
export function evaluate(sql: string, stream: Stream, input: { at: number; cells: Cells }[]): RuleRow[] {
  const items = itemsOf(sql).flatMap((item) => (item.expression === '*' ? stream.columns.filter((each) => each.name !== 'time').map((each) => ({ ...item, expression: each.name, name: each.name })) : [item]))
  const where = /\bwhere\s+([\s\S]*?)(?:\bgroup\b|$)/i.exec(sql)?.[1]?.trim()
  const passed = where === undefined ? input : input.filter((each) => valueOf(where, [each.cells]) === true)
  const row = (at: number, rows: Cells[]): RuleRow => ({ time: new Date(at).toISOString(), values: items.map((item) => valueOf(item.expression, rows)) })
  const window = windows.exec(sql)
  if (window === null) return passed.map((each) => row(each.at, [each.cells]))
  const [, digits = '10', unit = 's'] = /^(\d+)(ms|s|m|h)$/.exec(window[2] ?? '') ?? []
  const widthMs = Number(digits) * (spans[unit] ?? 1_000)
  const buckets = new Map<number, Cells[]>()
  for (const { at, cells } of passed) {
    const end = (Math.floor(at / widthMs) + 1) * widthMs
    const bucket = buckets.get(end)
    if (bucket === undefined) buckets.set(end, [cells])
    else bucket.push(cells)
  }
  return [...buckets].toSorted(([a], [b]) => a - b).map(([end, rows]) => row(end, rows))
}
