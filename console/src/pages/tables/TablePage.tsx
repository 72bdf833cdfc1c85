/** One lookup table: how reading it fares, and its rows. The page of rows is in the address. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { Link, useParams, useSearchParams } from 'react-router'

import { tableQuery } from '../../api/queries'
import { Facts } from '../../components/Facts'
import { ReadTable, TableMark } from '../../components/LookupTableList'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { Ago, Since } from '../../components/Since'
import { Rows } from '../../components/SqlResult'
import { useTitle } from '../../hooks/useTitle'
import { pageOf } from '../../lib/alarms'
import { bytes, count } from '../../lib/numbers'
import { rowsOf, sourceWords, tablePageSize, tableTrouble } from '../../lib/tables'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'

export function TablePage() {
  const name = useParams()['table'] ?? ''
  useTitle(`Lookup table · ${name}`)
  const [search, setSearch] = useSearchParams()
  const page = pageOf(search)
  const table = useSuspenseQuery(tableQuery(name, page)).data
  const trouble = tableTrouble(table)
  const text = table.text ?? ''
  const next = table.next ?? undefined
  return (
    <div className="page">
      <PageHead above={[[paths.rules, 'Rules'], [paths.tables, 'Lookup tables']]} title={table.name} lead={text}>
        <span role="status">
          <TableMark state={table.state} chip />
        </span>
        <ReadTable table={table} />
      </PageHead>
      {trouble !== undefined && (
        <Notice tone={trouble.tone} title={<Prose text={trouble.problem} />}>
          <span>
            <Prose text={trouble.remedy} />
          </span>
          {table.error !== null && table.error !== undefined && (
            <span className="small">
              Since <Since time={table.error.since} />
            </span>
          )}
        </Notice>
      )}
      <section className="panel body-only" aria-label="How it is doing">
        <Facts
          facts={[
            ['Source', sourceWords(table)],
            ['Rows', count(table.rows)],
            ['Size', bytes(table.bytes)],
            ['Read', <Ago key="read" time={table.read_at ?? undefined} />],
            ['Read again', next === undefined ? 'only when asked' : <Since key="next" time={next} />],
            ['Version', table.version?.slice(0, 8) ?? 'none'],
            [
              'Rules',
              table.rules.length === 0
                ? 'none'
                : table.rules.map((rule, index) => (
                    <span key={rule}>
                      {index > 0 && ', '}
                      <Link to={paths.rule(rule)}>{rule}</Link>
                    </span>
                  )),
            ],
          ]}
        />
      </section>
      <section className="panel" aria-labelledby="table-rows">
        <header>
          <h2 id="table-rows">Rows</h2>
        </header>
        <Rows answer={rowsOf(table)} label={`Rows of ${table.name}`} none={table.version === null || table.version === undefined ? 'It has not been read yet.' : 'It has no rows.'} />
        <Pager label="Pages of rows" page={page} size={tablePageSize} total={table.page.total} onPage={(to) => setSearch(to === 0 ? {} : { page: String(to + 1) })} />
      </section>
    </div>
  )
}
