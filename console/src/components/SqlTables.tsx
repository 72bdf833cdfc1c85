/** Tables, columns and functions that queries can name; each is put into the query where the cursor is. */
import { useState } from 'react'

import type { SqlTable, SqlTables as Answer } from '../api/history'
import { sqlName } from '../lib/sql'
import { plural } from '../lib/numbers'
import { Icon } from '../ui/Icon'

interface Props {
  tables: Answer
  onInsert: (text: string) => void
}

/** A device may have thousands of tags. */
const columnsShown = 200

export function SqlTables({ tables, onInsert }: Props) {
  const [filter, setFilter] = useState('')
  const wanted = filter.trim().toLowerCase()
  const shown = tables.tables.filter((table) => wanted === '' || `${table.name} ${table.columns.map((column) => column.name).join(' ')}`.toLowerCase().includes(wanted))
  const functions = tables.functions.filter((each) => wanted === '' || each.name.includes(wanted))
  return (
    <section className="panel sql-tables" aria-labelledby="sql-tables">
      <header>
        <h2 id="sql-tables">Tables and functions</h2>
      </header>
      <div className="filters">
        <div className="search">
          <Icon name="search" />
          <input type="search" className="input" aria-label="Filter tables, columns and functions" placeholder="Table, column, function" value={filter} onChange={(event) => setFilter(event.target.value)} />
        </div>
      </div>
      <div className="sql-names">
        {shown.map((table) => (
          <TableNames key={table.name} table={table} wanted={wanted} onInsert={onInsert} />
        ))}
        {functions.length > 0 && (
          <details open={wanted !== ''}>
            <summary>Functions</summary>
            <ul>
              {functions.map((each) => (
                <li key={each.name}>
                  <button type="button" className="link" aria-label={`Insert ${each.name}`} onClick={() => onInsert(each.example)}>
                    <code>{each.signature}</code>
                  </button>
                  <span className="small muted">{each.description}</span>
                </li>
              ))}
            </ul>
          </details>
        )}
        {shown.length === 0 && functions.length === 0 && <p className="small muted">Nothing of this name.</p>}
      </div>
    </section>
  )
}

function TableNames({ table, wanted, onInsert }: { table: SqlTable; wanted: string; onInsert: (text: string) => void }) {
  const inTable = wanted === '' || table.name.toLowerCase().includes(wanted)
  const columns = table.columns.filter((column) => inTable || column.name.toLowerCase().includes(wanted))
  return (
    <details open={wanted !== ''}>
      <summary>
        <span>
          {table.name} <span className="small muted">{plural(table.columns.length, 'column')}</span>
        </span>
      </summary>
      {table.description !== '' && <p className="small muted">{table.description}</p>}
      <ul>
        <li>
          <button type="button" className="link" onClick={() => onInsert(sqlName(table.name))}>
            <code>{sqlName(table.name)}</code>
          </button>
          <span className="small muted">the table’s name</span>
        </li>
        {columns.slice(0, columnsShown).map((column) => (
          <li key={column.name}>
            <button type="button" className="link" aria-label={`Insert ${column.name} of ${table.name}`} onClick={() => onInsert(sqlName(column.name))}>
              <code>{sqlName(column.name)}</code>
            </button>
            <span className="small muted">
              {column.type}
              {column.description !== undefined && column.description !== '' && `, ${column.description}`}
            </span>
          </li>
        ))}
      </ul>
      {columns.length > columnsShown && <p className="small muted">The first {columnsShown} are listed. Filter to find others.</p>}
    </details>
  )
}
