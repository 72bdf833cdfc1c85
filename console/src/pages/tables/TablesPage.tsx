/** Lookup tables: small tables of the plant's own that rules and SQL join with. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { tablesQuery } from '../../api/queries'
import { LookupTableList } from '../../components/LookupTableList'
import { PageHead } from '../../components/PageHead'
import { useTitle } from '../../hooks/useTitle'
import { plural } from '../../lib/numbers'
import { paths } from '../../paths'

const example = `tables:
  - name: products
    rows: [ { code: 1, name: Vanilla, limit: 80.5 } ]
  - name: recipes
    csv: { path: recipes.csv, separator: ";" }
    refresh: 1m
`

export function TablesPage() {
  useTitle('Lookup tables')
  const { items, total } = useSuspenseQuery(tablesQuery).data
  return (
    <div className="page">
      <PageHead above={[[paths.rules, 'Rules']]} title="Lookup tables" lead={<>Small tables of the plant’s own, which rules and SQL join with the values of devices. {total > 0 && `${plural(total, 'table')}.`}</>} />
      {total === 0 ? (
        <section className="panel" aria-label="No lookup tables">
          <div className="body empty">
            <h2>No lookup table is configured yet</h2>
            <p>Product codes, limits per recipe, shift plans: write the rows into the configuration, or say from which file, database or server they are read.</p>
            {/* A region that scrolls must be reachable by keyboard. */}
            {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <pre className="example" tabIndex={0} role="region" aria-label="Example of tables in a configuration">
              {example}
            </pre>
            <Link className="button primary" to={paths.config}>
              Open the configuration
            </Link>
          </div>
        </section>
      ) : (
        <section className="panel" aria-label="Lookup tables">
          <LookupTableList tables={items} />
        </section>
      )}
    </div>
  )
}
