/** What could be typed next in the SQL of a rule: tables behind FROM, columns of the tables it names, functions. */
import type { SqlFunction, SqlTable, SqlTables } from '../api/history'
import { ruleFunctions } from './ruleFunctions'
import { sqlName } from './sql'

export interface Proposal {
  /** what is put in */
  label: string
  kind: 'table' | 'column' | 'function' | 'keyword'
  detail: string
  more?: string
  /** where the cursor goes, from the beginning of what is put in */
  cursor?: number
  boost: number
}

export interface Proposals {
  from: number
  proposals: Proposal[]
}

const keywords = ['SELECT', 'FROM', 'WHERE', 'GROUP BY', 'HAVING', 'ORDER BY', 'LIMIT', 'DISTINCT', 'AS', 'AND', 'OR', 'NOT', 'IS NULL', 'IS NOT NULL', 'BETWEEN', 'IN', 'CASE', 'WHEN', 'THEN', 'ELSE', 'END', 'JOIN', 'LEFT JOIN', 'ON', 'USING', 'UNION ALL', 'WITH', 'CAST', 'FILTER', 'OVER', 'PARTITION BY', 'TRUE', 'FALSE', 'NULL']

/** Tables that a rule can read: what comes in and what is looked up, and not what is kept about it. */
export function streamsOf(all: SqlTables, rules: readonly { name: string; columns: { name: string; data_type: string; unit: string }[] }[] = [], own = ''): SqlTables {
  const streams = all.tables.filter((table) => (table.kind === 'device' || table.kind === 'template' || table.kind === 'lookup' || table.name === 'samples') && table.name !== own)
  const known = new Set(streams.map((table) => table.name))
  const others = rules
    .filter((rule) => rule.name !== own && !known.has(rule.name))
    .map((rule): SqlTable => ({ name: rule.name, kind: 'device', description: 'What this rule gives', columns: [{ name: 'time', type: 'TIMESTAMP' }, ...rule.columns.map((column) => ({ name: column.name, type: column.data_type, description: column.unit }))] }))
  return { tables: [...streams, ...others], functions: ruleFunctions(all.functions) }
}

const name = '(?:"(?:[^"]|"")+"|[A-Za-z_][\\w]*)'
const plain = (written: string) => (written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written.toLowerCase())

interface Named {
  table: SqlTable
  alias: string | undefined
}

/** Tables that stand behind FROM and JOIN, with what they are called there. */
export function tablesNamed(sql: string, tables: readonly SqlTable[]): Named[] {
  const found: Named[] = []
  const after = new RegExp(`(?:\\bfrom|\\bjoin|,)\\s+(?:filled\\(\\s*)?(${name})(?:\\s*,\\s*'[^']*'\\s*\\))?(?:\\s+(?:as\\s+)?(${name}))?`, 'gi')
  for (const [, written = '', alias] of sql.matchAll(after)) {
    const table = tables.find((each) => each.name === plain(written))
    const isWord = alias !== undefined && /^(where|group|order|having|limit|join|left|right|full|inner|cross|on|using|union|window)$/i.test(alias)
    if (table !== undefined) found.push({ table, alias: alias === undefined || isWord ? undefined : plain(alias) })
  }
  return found
}

const columnsMost = 400

function columnsOf(table: SqlTable, boost: number): Proposal[] {
  return table.columns.slice(0, columnsMost).map((column) => ({
    label: sqlName(column.name),
    kind: 'column',
    detail: column.type,
    more: [table.name, column.description ?? ''].filter((each) => each !== '').join(': '),
    boost: /_(quality|source_time)$/.test(column.name) ? boost - 2 : boost,
  }))
}

function tableOf(table: SqlTable, boost: number): Proposal {
  return { label: sqlName(table.name), kind: 'table', detail: table.kind === 'template' ? 'template' : table.kind === 'lookup' ? 'lookup table' : '', more: table.description, boost }
}

export function proposalOf(each: SqlFunction): Proposal {
  const open = each.example.indexOf('(')
  const takesNothing = each.example.endsWith('()')
  return { label: `${each.name}()`, kind: 'function', detail: each.signature.slice(each.name.length), more: each.description, cursor: takesNothing || open < 0 ? each.name.length + 2 : each.name.length + 1, boost: 0 }
}

/** Whether a place lies in a text or a comment, where nothing is proposed. */
export function isProse(before: string): boolean {
  const plainText = before.replaceAll(/"(?:[^"]|"")*"/g, '""')
  const quotes = plainText.replaceAll(/--[^\n]*\n/g, '\n').replaceAll("''", '')
  return /--[^\n]*$/.test(plainText) || (quotes.match(/'/g)?.length ?? 0) % 2 === 1
}

const filled: Proposal = {
  label: "filled(, '1 minute')",
  kind: 'function',
  detail: '(device, span)',
  more: 'The rows of a device in which a tag that a read did not ask for has what was read of it last.',
  cursor: 'filled('.length,
  boost: 1,
}

/** `asked`: also where no letter was typed yet. */
export function proposalsAt(sql: string, at: number, { tables, functions }: SqlTables, asked: boolean): Proposals | undefined {
  const before = sql.slice(0, at)
  if (isProse(before)) return undefined
  const word = /"[^"]*$|[\w]*$/.exec(before)?.[0] ?? ''
  // An even number of quotes before the word closes a name instead of opening one.
  const quoted = word.startsWith('"') && (before.slice(0, at - word.length).match(/"/g)?.length ?? 0) % 2 === 1 ? '' : word
  const from = at - quoted.length
  const ahead = before.slice(0, from)
  const named = tablesNamed(sql, tables)
  const dotted = new RegExp(`(${name})\\.$`).exec(ahead)?.[1]
  if (dotted !== undefined) {
    const owner = plain(dotted)
    const table = named.find((each) => each.alias === owner)?.table ?? tables.find((each) => each.name === owner)
    return table === undefined ? undefined : { from, proposals: columnsOf(table, 2) }
  }
  const inFilled = /(?:\bfrom|\bjoin)\s+filled\(\s*$/i.test(ahead)
  if (inFilled) return { from, proposals: tables.filter((table) => table.kind === 'device' || table.kind === 'template').map((table) => tableOf(table, 2)) }
  if (/(?:\bfrom|\bjoin)\s+$/i.test(ahead)) return { from, proposals: [...tables.map((table) => tableOf(table, 2)), filled] }
  if (quoted === '' && !asked) return undefined
  const columns = named.flatMap(({ table }) => columnsOf(table, 3))
  const once = [...new Map(columns.map((column) => [column.label, column])).values()]
  return {
    from,
    proposals: [
      ...once,
      ...functions.map(proposalOf),
      ...keywords.map((each): Proposal => ({ label: each, kind: 'keyword', detail: '', boost: -1 })),
      ...tables.map((table) => tableOf(table, -2)),
    ],
  }
}
