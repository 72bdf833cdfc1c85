/** The mock's lookup tables. While its faults last one is old and one was never read; `Read now` mends the old one. */
import type { LookupTable } from '../src/api/tables'
import { Refused, ago, type Route } from './call'
import type { MockEdge } from './edge'

const orders = Array.from({ length: 240 }, (_, index) => [index + 1, `Order ${index + 1}`, index % 7 === 0 ? null : 0.5 + index / 4])

export class Tables {
  private readAt = Date.now() - 42_000
  private mended = false

  constructor(private readonly edge: MockEdge) {}

  private all(): { table: LookupTable; rows: unknown[][] }[] {
    const faults = this.edge.scenario === 'faults'
    if (!faults) this.mended = false
    const old = faults && !this.mended
    const read_at = new Date(old ? Date.now() - 7_200_000 : this.readAt).toISOString()
    const made = (table: Pick<LookupTable, 'name' | 'source' | 'columns'> & Partial<LookupTable>, rows: unknown[][]) => ({
      table: { state: 'good', reading: false, rows: rows.length, bytes: 40 * rows.length, version: '5f1d7c0a9b3e4d21', read_at, rules: [], ...table } satisfies LookupTable,
      rows,
    })
    if (this.edge.scenario === 'empty') return []
    return [
      made({ name: 'orders', text: 'What is to be packed', source: 'sqlite', place: 'orders.db', next: ago(-30_000), columns: [{ name: 'id', type: 'int64' }, { name: 'name', type: 'text' }, { name: 'weight', type: 'float64' }], state: old ? 'stale' : 'good', error: old ? { since: ago(7_140_000), problem: 'the file /var/lib/tagwerk/files/orders.db cannot be read: unable to open database file', remedy: 'put the file there, where the edge may read it' } : undefined }, orders),
      made({ name: 'products', source: 'rows', columns: [{ name: 'code', type: 'int64' }, { name: 'name', type: 'text' }] }, [[1, 'Vanilla'], [2, 'Plain']]),
      ...(faults ? [made({ name: 'weather', source: 'http', place: 'https://weather.example/api', columns: [], state: 'failed', version: undefined, read_at: undefined, error: { since: ago(600_000), problem: 'the server at weather.example answered 401 Unauthorized', remedy: 'check `headers` and their secrets' } }, [])] : []),
    ]
  }

  list() {
    const items = this.all().map((each) => each.table)
    return { items, total: items.length }
  }

  one(name: string) {
    const found = this.all().find((each) => each.table.name === name)
    if (found === undefined) throw new Refused(404, 'not_found', `There is no lookup table ${name}.`, 'List the tables first.')
    return found
  }

  detail(name: string, search: URLSearchParams) {
    const { table, rows } = this.one(name)
    const offset = Number(search.get('offset') ?? 0)
    const items = rows.slice(offset, offset + Number(search.get('limit') ?? 100)).map((values) => ({ values }))
    return { ...table, page: { items, total: rows.length, next: offset + items.length < rows.length ? offset + items.length : undefined } }
  }

  async refresh(name: string) {
    this.one(name)
    await new Promise((done) => setTimeout(done, 120))
    this.readAt = Date.now()
    if (name === 'orders') this.mended = true
    return this.one(name).table
  }
}

export function tableRoutes(tables: Tables): Route[] {
  return [
    [/^GET \/tables$/, 'viewer', () => tables.list()],
    [/^GET \/tables\/([^/]+)$/, 'viewer', ({ part, url }) => tables.detail(part(1), url.searchParams)],
    [/^POST \/tables\/([^/]+)\/refresh$/, 'operator', ({ part }) => tables.refresh(part(1))],
  ]
}
