/** What the SQL page knows of queries: where an error lies, names as SQL writes them, what a result's chart shows. */
import type { SqlColumn, SqlTables, SqlTextAnswer } from '../api/history'
import type { Sample } from '../api/types'
import { seriesOf } from './trend'
import type { Line } from './trendLayout'

export interface Place {
  line: number
  column: number
}

/** The edge tells the place in its message. */
export function placeIn(message: string): Place | undefined {
  const [, line, column] = /\bline:?\s*(\d+),?\s*(?:and\s+)?column:?\s*(\d+)/i.exec(message) ?? []
  return line === undefined || column === undefined ? undefined : { line: Number(line), column: Number(column) }
}

const keywords = new Set(['all', 'and', 'as', 'by', 'case', 'cast', 'create', 'desc', 'distinct', 'else', 'end', 'exists', 'false', 'from', 'group', 'having', 'in', 'interval', 'into', 'is', 'join', 'like', 'limit', 'not', 'null', 'on', 'or', 'order', 'select', 'set', 'table', 'then', 'to', 'true', 'union', 'user', 'using', 'values', 'when', 'where', 'with'])

/** As SQL writes a name: in quotes where it is not a plain one. */
export function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export interface Example {
  title: string
  query: string
}

const sqlText = (text: string) => `'${text.replaceAll("'", "''")}'`

/** Queries to start from, on what there is. */
export function examplesFor(tables: SqlTables): Example[] {
  const device = tables.tables.find((table) => table.kind === 'device')
  const tag = device?.columns.find((column) => column.type === 'DOUBLE')?.name ?? device?.columns[1]?.name
  const latest: Example = { title: 'The newest value of every tag', query: 'SELECT device, tag, value_f64, unit, quality, time\nFROM latest' }
  const eventTime = tables.tables.find((table) => table.name === 'events')?.columns.find((column) => column.type === 'TIMESTAMP')?.name
  const events: Example[] = eventTime === undefined ? [] : [{ title: 'The last events', query: `SELECT *\nFROM events\nORDER BY ${sqlName(eventTime)} DESC\nLIMIT 50` }]
  if (device === undefined || tag === undefined) return [latest, ...events]
  const where = `WHERE device = ${sqlText(device.name)} AND tag = ${sqlText(tag)}`
  return [
    latest,
    { title: `Samples of ${tag}, last hour`, query: `SELECT time, value_f64, quality\nFROM samples\n${where}\n  AND time > now() - interval '1 hour'\nORDER BY time` },
    {
      title: `Means of ${tag} by minute`,
      query: `SELECT time_bucket(interval '1 minute', time) AS bucket,\n  avg(value_f64) AS mean, min(value_f64) AS lowest,\n  max(value_f64) AS highest, count(*) AS samples\nFROM samples\n${where}\n  AND time > now() - interval '6 hours'\nGROUP BY bucket\nORDER BY bucket`,
    },
    { title: `${device.name} as a table`, query: `SELECT *\nFROM ${sqlName(device.name)}\nWHERE time > now() - interval '15 minutes'\nORDER BY time DESC\nLIMIT 100` },
    ...events,
  ]
}

const cell = (text: string | null) => (text === null ? '' : /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text)

/** As it is shown: nulls are empty, empty texts are quoted. */
export function csvOfAnswer({ columns, rows }: SqlTextAnswer): string {
  return [columns.map((column) => column.name), ...rows].map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')
}

/** For a spreadsheet: tabs between cells. */
export function tabbed({ columns, rows }: SqlTextAnswer): string {
  return [columns.map((column) => column.name), ...rows].map((cells) => cells.map((each) => (each ?? '').replaceAll(/[\t\r\n]+/g, ' ')).join('\t')).join('\n')
}

export const chartedMost = 12

/** Columns of numbers over the first column of times; undefined where there is nothing to draw. */
export function chartOf({ columns, rows }: SqlTextAnswer): { lines: Line[]; from: number; to: number; left: number } | undefined {
  const timeAt = columns.findIndex((column) => column.time)
  const numbers = columns.map((column, index): [SqlColumn, number] => [column, index]).filter(([column]) => column.numeric || column.type === 'BOOLEAN')
  if (timeAt < 0 || numbers.length === 0) return undefined
  const timed = rows
    .map((cells) => ({ at: Date.parse(cells[timeAt] ?? ''), cells }))
    .filter(({ at }) => Number.isFinite(at))
    .toSorted((a, b) => a.at - b.at)
  const [first, last] = [timed[0], timed.at(-1)]
  if (first === undefined || last === undefined || first.at === last.at) return undefined
  const lines = numbers.slice(0, chartedMost).map(([column, index], at): Line => {
    const samples = timed.map(({ at: time, cells }): Sample => {
      const text = cells[index] ?? null
      return { time: new Date(time).toISOString(), value: text === null ? null : column.type === 'BOOLEAN' ? text === 'true' : Number(text), text, quality: 'good', code: 0 }
    })
    return { number: at + 1, name: column.name, unit: column.type, series: seriesOf(samples, [], column.type === 'BOOLEAN' ? 'bool' : 'float64'), quietMs: Infinity }
  })
  return { lines: withScales(lines), from: first.at, to: last.at, left: Math.max(0, numbers.length - chartedMost) }
}

interface Scale {
  type: string
  low: number
  high: number
  lines: Line[]
}

/** Columns have no units: those of one type that lie in one range share a scale, which is named after them. */
function withScales(lines: Line[]): Line[] {
  const scales: Scale[] = []
  for (const line of lines) {
    const values = line.series.values.filter((each) => !Number.isNaN(each))
    const [low, high] = [values.reduce((least, each) => Math.min(least, each), Infinity), values.reduce((most, each) => Math.max(most, each), -Infinity)]
    const fits = scales.find((scale) => {
      const union = Math.max(high, scale.high) - Math.min(low, scale.low)
      const spans = [high - low, scale.high - scale.low]
      // A constant beside what moves, such as a set point, has no span of its own.
      return scale.type === line.unit && union <= 6 * (Math.min(...spans) || Math.max(...spans))
    })
    if (fits === undefined) scales.push({ type: line.unit, low, high, lines: [line] })
    else Object.assign(fits, { low: Math.min(low, fits.low), high: Math.max(high, fits.high), lines: [...fits.lines, line] })
  }
  return lines.map((line) => ({ ...line, unit: scales.find((scale) => scale.lines.includes(line))?.lines.map((each) => each.name).join(', ') ?? '' }))
}

export interface Ran {
  query: string
  at: number
  outcome: string
}

const historyMost = 30

/** The newest first, each query once. */
export function remembered(history: Ran[], ran: Ran): Ran[] {
  return [ran, ...history.filter((each) => each.query !== ran.query)].slice(0, historyMost)
}
