/** SQL on the mock: a few shapes of query over the mock's own tags, and honest refusals of all others. */
import type { SqlAnswer, SqlColumn, SqlRequest, SqlTable, SqlTables } from '../src/api/history'
import type { Sample } from '../src/api/types'
import { Refused, type Call, type Route } from './call'
import type { MockEdge } from './edge'
import { eventRows } from './keep'

type Cell = string | number | boolean | null
interface Table {
  columns: SqlColumn[]
  rows: Cell[][]
}

const column = (name: string, type: string): SqlColumn => ({ name, type, numeric: /^(BIGINT|DOUBLE)/.test(type), time: type === 'TIMESTAMP' })

const sampleColumns = ['time TIMESTAMP', 'device VARCHAR', 'tag VARCHAR', 'quality VARCHAR', 'code BIGINT UNSIGNED', 'source_time TIMESTAMP', 'value_f64 DOUBLE', 'value_i64 BIGINT', 'value_u64 BIGINT UNSIGNED', 'value_bool BOOLEAN', 'value_text VARCHAR', 'value_bytes BLOB', 'unit VARCHAR', 'type VARCHAR'].map((each) => {
  const [name = '', ...type] = each.split(' ')
  return column(name, type.join(' '))
})
const eventColumns = [column('time', 'TIMESTAMP'), column('kind', 'VARCHAR'), column('severity', 'VARCHAR'), column('by', 'VARCHAR'), column('subject', 'VARCHAR'), column('text', 'VARCHAR')]

const describe: Record<string, string> = {
  time: 'When the edge read it',
  quality: 'good, uncertain or bad',
  code: 'OPC UA status code',
  source_time: 'When the device says it was, where it says so',
  value_f64: 'Numbers of every type, as a double',
  value_i64: 'Signed whole numbers, exact',
  value_u64: 'Unsigned whole numbers, exact',
}

const functions: SqlTables['functions'] = [
  { name: 'time_bucket', signature: 'time_bucket(interval, time)', description: 'The start of the interval that a time lies in; for GROUP BY.', example: "time_bucket(interval '1 minute', time)" },
  { name: 'time_weighted_average', signature: 'time_weighted_average(value, time)', description: 'The mean over time: a value counts for as long as it held.', example: 'time_weighted_average(value_f64, time)' },
  { name: 'first', signature: 'first(value, time)', description: 'The earliest value.', example: 'first(value_f64, time)' },
  { name: 'last', signature: 'last(value, time)', description: 'The latest value.', example: 'last(value_f64, time)' },
  { name: 'counter_delta', signature: 'counter_delta(time, value)', description: 'How far a counter went on, with resets to zero taken into account.', example: 'counter_delta(time, value_u64)' },
  { name: 'rate', signature: 'rate(time, value)', description: 'How far a counter went on per second.', example: 'rate(time, value_u64)' },
]

function typeOf(type: string): string {
  if (type === 'bool') return 'BOOLEAN'
  if (type === 'text') return 'VARCHAR'
  if (type.startsWith('uint')) return 'BIGINT UNSIGNED'
  return type.startsWith('int') ? 'BIGINT' : 'DOUBLE'
}

function tables(edge: MockEdge): SqlTables {
  const columns = (list: SqlColumn[]) => list.map(({ name, type }) => ({ name, type, description: describe[name] }))
  const found: SqlTable[] = [
    { name: 'samples', kind: 'samples', description: 'Every sample of every tag', columns: columns(sampleColumns) },
    { name: 'latest', kind: 'samples', description: 'The newest sample of every tag', columns: columns(sampleColumns) },
    { name: 'events', kind: 'record', description: 'What happened: logins, changes, devices, sinks', columns: columns(eventColumns) },
    ...edge.devices.map((device): SqlTable => ({
      name: device.name,
      kind: 'device',
      description: device.description,
      columns: [
        { name: 'time', type: 'TIMESTAMP' },
        ...[...device.tags.values()].flatMap(({ point }) => [
          { name: point.name, type: typeOf(point.type), description: [point.unit, point.description].filter((each) => each !== undefined).join(': ') },
          { name: `${point.name}_quality`, type: 'VARCHAR' },
        ]),
      ],
    })),
  ]
  return { tables: found, functions }
}

function wrong(query: string, at: number, problem: string, remedy: string): Refused {
  const before = query.slice(0, at).split('\n')
  return new Refused(422, 'invalid', `The query at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${problem}.`, remedy)
}

const spans: Record<string, number> = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }
const intervalMs = (text: string | undefined) => {
  const [, many, unit] = /(\d+)\s*(second|minute|hour|day)/i.exec(text ?? '') ?? []
  return many === undefined ? undefined : Number(many) * (spans[unit?.toLowerCase() ?? ''] ?? 1)
}

function row(device: string, tag: string, unit: string | undefined, type: string, sample: Sample): Cell[] {
  const bool = typeof sample.value === 'boolean' ? sample.value : null
  const number = type !== 'text' && type !== 'bool' ? sample.text : null
  return [sample.time, device, tag, sample.quality, sample.code, null, number === null ? null : type.startsWith('float') ? number : String(Number(number)), type.startsWith('int') ? number : null, type.startsWith('uint') ? number : null, bool, type === 'text' ? sample.text : null, null, unit ?? null, type]
}

function sampleTable(edge: MockEdge, query: string, most: number): Table {
  const device = /device\s*=\s*'([^']*)'/i.exec(query)?.[1]
  const tag = /\btag\s*=\s*'([^']*)'/i.exec(query)?.[1]
  const backMs = intervalMs(/interval\s+'([^']*)'/i.exec(query.replace(/time_bucket\([^)]*\)/gi, ''))?.[1]) ?? 3_600_000
  const tags = edge.devices.filter((each) => device === undefined || each.name === device).flatMap((each) => [...each.tags.values()].filter(({ point }) => tag === undefined || point.name === tag).map((found) => ({ device: each, tag: found })))
  const now = Date.now()
  const rows = tags.flatMap(({ device: from, tag: each }) => edge.samples(from, each, now - backMs, now, Math.ceil((3 * most) / tags.length)).samples.map((sample) => row(from.name, each.point.name, each.point.unit, each.point.type, sample)))
  return { columns: sampleColumns, rows: rows.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)) }
}

function latest(edge: MockEdge): Table {
  const rows = edge.devices.flatMap((device) => [...device.tags.values()].flatMap((tag) => {
    const { time, value, text, quality } = edge.tag(device, tag)
    return time === null ? [] : [row(device.name, tag.point.name, tag.point.unit, tag.point.type, { time, value, text, quality: quality.severity, code: quality.code })]
  }))
  return { columns: sampleColumns, rows }
}

function deviceTable(edge: MockEdge, name: string, query: string, most: number): Table | undefined {
  const device = edge.devices.find((each) => each.name === name)
  if (device === undefined) return undefined
  const tags = [...device.tags.values()]
  const now = Date.now()
  const backMs = intervalMs(/interval\s+'([^']*)'/i.exec(query)?.[1]) ?? 3_600_000
  const all = tags.map((tag) => edge.samples(device, tag, now - backMs, now, most).samples)
  const texts = all.map((list) => new Map(list.map((sample) => [sample.time, sample])))
  const times = [...new Set(all.flatMap((list) => list.map((sample) => sample.time)))].toSorted()
  return {
    columns: [column('time', 'TIMESTAMP'), ...tags.flatMap(({ point }) => [column(point.name, typeOf(point.type)), column(`${point.name}_quality`, 'VARCHAR')])],
    rows: times.map((time) => [time, ...texts.flatMap((found) => [found.get(time)?.text ?? null, found.get(time)?.quality ?? null])]),
  }
}

/** Mean, lowest and highest of each bucket. */
function bucketed(query: string, table: Table): Table {
  const widthMs = intervalMs(/time_bucket\(\s*interval\s+'([^']*)'/i.exec(query)?.[1]) ?? 60_000
  const buckets = new Map<number, number[]>()
  for (const cells of table.rows) {
    if (cells[6] === null) continue
    const start = Math.floor(Date.parse(String(cells[0])) / widthMs) * widthMs
    buckets.set(start, [...(buckets.get(start) ?? []), Number(cells[6])])
  }
  return {
    columns: [column('bucket', 'TIMESTAMP'), column('mean', 'DOUBLE'), column('lowest', 'DOUBLE'), column('highest', 'DOUBLE'), column('samples', 'BIGINT')],
    rows: [...buckets].toSorted(([a], [b]) => a - b).map(([start, values]) => [new Date(start).toISOString(), String(values.reduce((sum, each) => sum + each, 0) / values.length), String(Math.min(...values)), String(Math.max(...values)), String(values.length)]),
  }
}

function chosen(query: string, table: Table): Table {
  const list = /select\s+([\s\S]*?)\s+from\s/i.exec(query)?.[1] ?? '*'
  if (list.trim() === '*') return table
  const at = query.indexOf(list)
  const picks = list.split(',').map((each) => each.trim().replaceAll('"', ''))
  const indexes = picks.map((name) => {
    const index = table.columns.findIndex((each) => each.name === name)
    if (index < 0) throw wrong(query, at + list.indexOf(name), `there is no column \`${name}\``, `Use one of ${table.columns.slice(0, 12).map((each) => each.name).join(', ')}.`)
    return index
  })
  const columns = indexes.map((index) => table.columns[index]).filter((each) => each !== undefined)
  return { columns, rows: table.rows.map((cells) => indexes.map((index) => cells[index] ?? null)) }
}

function answer(edge: MockEdge, request: SqlRequest): Table {
  const { query } = request
  const most = request.rows ?? 1_000
  const start = query.search(/\S/)
  const word = /[a-z]+/i.exec(query)?.[0]?.toLowerCase()
  if (start < 0) throw wrong(query, 0, 'it is empty', 'Write a SELECT.')
  if (word === 'insert' || word === 'update' || word === 'delete' || word === 'drop' || word === 'create') throw wrong(query, start, `\`${word.toUpperCase()}\` is not allowed here`, 'Only reading is: write a SELECT.')
  if (word !== 'select' && word !== 'with') throw wrong(query, start, `expected a SELECT, found \`${query.slice(start).split(/\s/)[0] ?? ''}\``, 'Begin with SELECT.')
  const from = /\bfrom\s+("([^"]+)"|[\w.]+)/i.exec(query)
  if (from === null) return { columns: [column('Int64(1)', 'BIGINT')], rows: [['1']] }
  const name = from[2] ?? from[1] ?? ''
  const table = name === 'samples' ? sampleTable(edge, query, most) : name === 'latest' ? latest(edge) : name === 'events' ? { columns: eventColumns, rows: eventRows() } : deviceTable(edge, name, query, most)
  if (table === undefined) throw wrong(query, from.index + from[0].indexOf(from[1] ?? ''), `there is no table \`${name}\``, 'The tables are listed beside the editor; a name with a hyphen stands in double quotes.')
  if (/time_bucket/i.test(query)) return bucketed(query, table)
  const shown = chosen(query, table)
  if (/order\s+by\s+time\s+desc/i.test(query)) shown.rows.reverse()
  const limit = /\blimit\s+(\d+)/i.exec(query)?.[1]
  return limit === undefined ? shown : { ...shown, rows: shown.rows.slice(0, Number(limit)) }
}

const quoted = (cell: Cell) => (cell === null ? '' : /[",\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell))

async function run(edge: MockEdge, { body, request, response }: Call): Promise<unknown> {
  const wanted: SqlRequest = JSON.parse(body)
  const began = performance.now()
  if (/cross join/i.test(wanted.query)) {
    const gone = await new Promise<boolean>((done) => {
      const timer = setTimeout(() => done(false), wanted.timeout_ms ?? 30_000)
      response.on('close', () => {
        clearTimeout(timer)
        done(true)
      })
    })
    if (gone) return {}
    throw new Refused(422, 'timeout', `The query was stopped after ${(wanted.timeout_ms ?? 30_000) / 1000} s.`, 'Ask for a shorter range, or allow it more time.')
  }
  const { columns, rows } = answer(edge, wanted)
  const most = wanted.rows ?? 1_000
  const kept = rows.slice(0, most)
  if (request.headers.accept === 'text/csv') {
    response.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Disposition': 'attachment; filename="query.csv"' })
    response.end(`${columns.map((each) => quoted(each.name)).join(',')}\n${kept.map((cells) => cells.map(quoted).join(',')).join('\n')}\n`)
    return {}
  }
  const result: SqlAnswer = { columns, rows: wanted.text === true ? kept.map((cells) => cells.map((cell) => (cell === null ? null : String(cell)))) : kept, truncated: rows.length > kept.length, elapsed_ms: performance.now() - began }
  return result
}

export function sqlRoutes(edge: MockEdge): Route[] {
  return [
    [/^GET \/sql\/tables$/, 'viewer', () => tables(edge)],
    [/^POST \/sql$/, 'viewer', (call) => run(edge, call)],
  ]
}
