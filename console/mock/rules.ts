/** The mock's rules: those of the running configuration, with counters by formula, tried over the mock's own history.
 * While its faults last one has failed, one waits and one meets errors. A trial that says `cross join` never ends. */
import { parseDocument } from 'yaml'

import type { FormulaCheckRequest, Rule, RuleAction, RuleCheckRequest, RuleDetail, RuleRow, RuleStage, RuleTrial, RuleTrialRequest } from '../src/api/rules'
import { Refused, ago, type Call, type Route } from './call'
import { durationMs } from './config'
import type { MockEdge } from './edge'
import { checkFormula } from './formula'
import { check, evaluate, tableOf, type Cells, type Stream } from './ruleSql'

interface Written {
  name: string
  sql: string
  stage?: RuleStage
  labels?: string[]
  text?: string
  units?: Record<string, string>
  actions?: RuleAction[]
}

/** A rule does not read itself. */
const but = (streams: Stream[], name: string) => streams.filter((each) => each.name !== name)

const started = Date.now() - 7_200_000

export class Rules {
  constructor(
    private readonly edge: MockEdge,
    private readonly text: () => string,
  ) {}

  private written(): Written[] {
    const plain = this.text() === '' ? null : (parseDocument(this.text()).toJS() as { rules?: Written[] } | null)
    const own = Array.isArray(plain?.rules) ? plain.rules : []
    // Enough of them for more than one page.
    const many = this.edge.scenario === 'large' ? Array.from({ length: 240 }, (_, index): Written => ({ name: `cell-${String(index + 1).padStart(3, '0')}-low`, sql: `SELECT cell_${String(index + 1).padStart(4, '0')}_voltage < 3290 AS low FROM "battery-1"`, labels: ['battery'] })) : []
    return [...own, ...many]
  }

  private streams(): Stream[] {
    const types: Record<string, string> = { bool: 'BOOLEAN', text: 'VARCHAR' }
    const typed = (type: string) => types[type] ?? (type.startsWith('uint') ? 'BIGINT UNSIGNED' : type.startsWith('int') ? 'BIGINT' : 'DOUBLE')
    const devices = this.edge.devices.map((device): Stream => ({ name: device.name, columns: [{ name: 'time', type: 'TIMESTAMP', unit: '' }, ...[...device.tags.values()].flatMap(({ point }) => [{ name: point.name, type: typed(point.type), unit: point.unit ?? '' }, { name: `${point.name}_quality`, type: 'VARCHAR', unit: '' }])] }))
    const samples: Stream = { name: 'samples', columns: ['time', 'device', 'tag', 'value_f64', 'value_bool', 'value_text', 'quality'].map((name) => ({ name, type: name === 'value_f64' ? 'DOUBLE' : name === 'value_bool' ? 'BOOLEAN' : 'VARCHAR', unit: '' })) }
    const others = this.written().map((each): Stream => ({ name: each.name, columns: ['time', ...[...each.sql.matchAll(/\bas\s+([\w.-]+)/gi)].map(([, name]) => name ?? '')].map((name) => ({ name, type: 'DOUBLE', unit: '' })) }))
    return [...devices, samples, ...others]
  }

  private rows(stream: Stream, from: number, to: number, most: number): { at: number; cells: Cells }[] {
    const device = this.edge.devices.find((each) => each.name === stream.name)
    if (device === undefined) return []
    const byTime = new Map<number, Cells>()
    for (const tag of device.tags.values()) {
      for (const sample of this.edge.samples(device, tag, from, to, most).samples) {
        const at = Math.round(Date.parse(sample.time) / 1_000) * 1_000
        const cells = byTime.get(at) ?? {}
        cells[tag.point.name] = sample.quality === 'bad' ? null : typeof sample.value === 'number' ? sample.value : sample.text !== null && /^-?\d+(\.\d+)?$/.test(sample.text) ? Number(sample.text) : sample.value
        cells[`${tag.point.name}_quality`] = sample.quality
        byTime.set(at, cells)
      }
    }
    return [...byTime].toSorted(([a], [b]) => a - b).map(([at, cells]) => ({ at, cells }))
  }

  private shown(each: Written, index: number, streams: Stream[]): Rule {
    const checked = check(each.sql, but(streams, each.name), each.units)
    const table = tableOf(each.sql)
    const source = this.edge.devices.find((device) => device.name === table)
    const faults = this.edge.scenario === 'faults'
    const stage = each.stage ?? 'live'
    const seconds = (Date.now() - started) / 1_000
    const perSecond = source === undefined ? 1 : source.groups.reduce((sum, group) => sum + 1_000 / group.intervalMs, 0)
    const waits = source?.state === 'offline'
    const gone = { line: 1, column: 12, problem: '`packer-1` has no column `speed` since revision 2', remedy: '' }
    const failed = checked.findings[0] ?? (faults && each.name === 'packing-speed' ? gone : undefined)
    const widthMs = durationMs(/tumbling_window\('([^']*)'/.exec(each.sql)?.[1] ?? '')
    const runs = stage !== 'draft' && failed === undefined
    const rowsIn = runs ? Math.floor(seconds * perSecond) : 0
    const rowsOut = !runs || widthMs === undefined ? rowsIn : Math.floor((seconds * 1_000) / widthMs)
    const errors = faults && index === 2 ? 17 + Math.floor(seconds / 30) - 240 : 0
    return {
      name: each.name,
      stage,
      state: stage === 'draft' ? 'stopped' : failed !== undefined ? 'failed' : waits ? 'waiting' : 'running',
      reason: stage === 'draft' ? undefined : failed !== undefined ? `Line ${failed.line}, column ${failed.column}: ${failed.problem}` : waits ? `\`${table}\` is offline: no rows come` : undefined,
      text: each.text,
      labels: each.labels ?? [],
      tables: failed === undefined ? checked.tables : [table],
      columns: checked.columns,
      rows_in: rowsIn,
      rows_out: rowsOut,
      rows_late: runs && index === 1 ? 3 : 0,
      errors,
      last_error: errors > 0 ? { time: ago(14_000), text: 'Row of `boiler-2`: `mean / flow` divides by zero' } : undefined,
      last_output: rowsOut === 0 ? undefined : ago(waits ? 754_000 : widthMs === undefined ? 400 : Date.now() % widthMs),
      busy_seconds: runs ? seconds * (0.0006 + 0.0011 * (index % 3)) + 0.004 * (1 + Math.sin(seconds / 7 + index)) : 0,
      memory_bytes: runs ? 48_000 + 21_000 * (index % 5) : 0,
      behind_samples: runs && !waits ? index % 2 : 0,
    }
  }

  private all(): Rule[] {
    const streams = this.streams()
    return this.written().map((each, index) => this.shown(each, index, streams))
  }

  list(search: URLSearchParams) {
    const is = (key: string, of: string) => (search.get(key) ?? '') === '' || search.get(key) === of
    const text = (search.get('text') ?? '').toLowerCase()
    const label = search.get('label') ?? ''
    const sql = new Map(this.written().map((each) => [each.name, each.sql]))
    const found = this.all().filter((each) => is('stage', each.stage) && is('state', each.state) && (label === '' || each.labels.includes(label)) && `${each.name} ${each.text ?? ''} ${sql.get(each.name) ?? ''}`.toLowerCase().includes(text))
    const offset = Number(search.get('offset') ?? 0)
    const items = found.slice(offset, offset + Number(search.get('limit') ?? 100))
    return { items, total: found.length, next: offset + items.length < found.length ? offset + items.length : undefined }
  }

  detail(name: string): RuleDetail {
    const index = this.written().findIndex((each) => each.name === name)
    const written = this.written()[index]
    if (written === undefined) throw new Refused(404, 'not_found', `There is no rule ${name}.`, 'It may have been removed: look at the list of rules.')
    const streams = this.streams()
    const rule = this.shown(written, index, streams)
    const checked = check(written.sql, but(streams, name), written.units)
    const stream = streams.find((each) => each.name === tableOf(written.sql))
    const runs = rule.state === 'running' && stream !== undefined
    const now = Date.now()
    const rows = runs ? evaluate(written.sql, stream, this.rows(stream, now - 600_000, now, 600)).filter((each) => Date.parse(each.time) <= now).slice(-50) : []
    return { ...rule, sql: written.sql, plan: checked.plan ?? '', newest: { columns: rule.columns.map((each) => each.name), rows } }
  }

  check({ name = '', sql }: RuleCheckRequest) {
    return check(sql, but(this.streams(), name))
  }

  checkFormula(request: FormulaCheckRequest) {
    return checkFormula(request, this.edge.field)
  }

  async try({ body, response }: Call): Promise<RuleTrial | object> {
    const request: RuleTrialRequest = JSON.parse(body)
    const { name = '', sql, rows, actions = [], limit = 1_000 } = request
    const began = performance.now()
    const streams = but(this.streams(), name)
    const checked = check(sql.replace(/cross join\s+\S+/i, ''), streams)
    const [wrong] = checked.findings
    if (wrong !== undefined) throw new Refused(422, 'invalid', `The SQL at line ${wrong.line}, column ${wrong.column}: ${wrong.problem}.`, wrong.remedy)
    if ((rows === undefined) === (request.from === undefined)) throw new Refused(422, 'invalid', 'A trial is over history or over rows, not both.', 'Give `from` and `to`, or `rows`.')
    const [from, to] = [Date.parse(request.from ?? ''), Date.parse(request.to ?? '')]
    if (await waited(response, /cross join/i.test(sql) ? 600_000 : rows === undefined ? Math.min(2_500, (to - from) / 40_000) : 0)) return {}
    const stream = streams.find((each) => each.name === tableOf(sql)) ?? { name: '', columns: [] }
    const input = rows === undefined ? this.rows(stream, from, to, 4_000) : pasted(rows, stream.name)
    const out = evaluate(sql, stream, input)
    const live = this.written().find((each) => each.name === name && (each.stage ?? 'live') === 'live')
    return {
      columns: checked.columns,
      rows: out.slice(0, limit),
      truncated: out.length > limit,
      rows_in: input.length,
      rows_out: out.length,
      rows_late: 0,
      errors: 0,
      seconds: (performance.now() - began) / 1_000,
      alarms: actions.flatMap((action) => ('alarm' in action ? changes(out, checked.columns.findIndex((each) => each.name === action.alarm.column), action.alarm.column) : [])),
      writes: actions.flatMap((action) => ('write' in action ? out.flatMap((row) => [row.values[checked.columns.findIndex((each) => each.name === action.write.column)] ?? null].filter((value) => value !== null).map((value) => ({ time: row.time, tag: action.write.tag, value }))) : [])),
      lookups: [],
      compared: live === undefined || rows !== undefined || check(live.sql, streams).findings.length > 0 ? undefined : compared(out, evaluate(live.sql, stream, input)),
    } satisfies RuleTrial
  }
}

/** True when the asker has gone meanwhile. */
function waited(response: Call['response'], ms: number): Promise<boolean> {
  return new Promise((done) => {
    const timer = setTimeout(() => done(false), ms)
    response.on('close', () => {
      clearTimeout(timer)
      done(true)
    })
  })
}

function pasted(rows: Record<string, Cells[]>, table: string) {
  if (!(table in rows)) throw new Refused(422, 'invalid', `The rows hold no table \`${table}\`, which the SQL reads.`, `Name it: {"${table}": [ … ]}.`)
  const now = Math.floor(Date.now() / 1_000) * 1_000
  return (rows[table] ?? []).map(({ time, ...cells }, index) => ({ at: typeof time === 'string' ? Date.parse(time) : now + index, cells }))
}

function changes(rows: RuleRow[], index: number, column: string): RuleTrial['alarms'] {
  let active = false
  return rows.flatMap((row): RuleTrial['alarms'] => {
    const value = row.values[index] === true
    if (value === active) return []
    active = value
    return [{ time: row.time, column, change: value ? 'raised' : 'cleared' }]
  })
}

function compared(trial: RuleRow[], live: RuleRow[]): RuleTrial['compared'] {
  const text = (rows: RuleRow[]) => new Map(rows.map((row) => [row.time, row.values]))
  const [ours, theirs] = [text(trial), text(live)]
  const same = [...ours].filter(([time, values]) => JSON.stringify(theirs.get(time)) === JSON.stringify(values)).length
  const times = [...new Set([...ours.keys(), ...theirs.keys()])].toSorted()
  const first = times.find((time) => JSON.stringify(ours.get(time)) !== JSON.stringify(theirs.get(time)))
  return { same, only_trial: trial.length - same, only_live: live.length - same, first_difference: first === undefined ? undefined : { time: first, trial: ours.get(first) ?? null, live: theirs.get(first) ?? null } }
}

export function ruleRoutes(rules: Rules): Route[] {
  return [
    [/^GET \/rules$/, 'viewer', ({ url }) => rules.list(url.searchParams)],
    [/^POST \/rules\/check$/, 'viewer', ({ body }) => rules.check(JSON.parse(body))],
    [/^POST \/formulas\/check$/, 'viewer', ({ body }) => rules.checkFormula(JSON.parse(body))],
    [/^POST \/rules\/trial$/, 'engineer', (call) => rules.try(call)],
    [/^GET \/rules\/([^/]+)$/, 'viewer', ({ part }) => rules.detail(part(1))],
  ]
}
