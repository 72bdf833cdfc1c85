/** Lookup tables with how reading each fares, and the way to read one now. */
import { useMutation } from '@tanstack/react-query'
import { Link } from 'react-router'

import { api } from '../api/client'
import { queryClient, tableQuery, tablesQuery } from '../api/queries'
import type { LookupTable, TableState } from '../api/tables'
import { useMe } from '../hooks/useMe'
import { bytes, count } from '../lib/numbers'
import { whyNot } from '../lib/roles'
import { sourceWords, tableStateWords, tableTrouble } from '../lib/tables'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import type { IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'
import { Prose } from '../ui/Prose'
import { Failure } from './Failure'
import { Ago } from './Since'

const states: Record<TableState, [MarkTone, IconName]> = {
  good: ['good', 'check'],
  waiting: ['warn', 'clock'],
  stale: ['warn', 'clock'],
  failed: ['bad', 'cross'],
}

export function TableMark({ state, chip = false }: { state: TableState; chip?: boolean }) {
  const [tone, icon] = states[state]
  return (
    <Mark tone={tone} icon={icon} chip={chip}>
      {tableStateWords[state]}
    </Mark>
  )
}

export function LookupTableList({ tables }: { tables: LookupTable[] }) {
  return (
    <table className="table row-cards">
      <thead>
        <tr>
          <th scope="col">Table</th>
          <th scope="col">State</th>
          <th scope="col" className="number">
            Rows
          </th>
          <th scope="col" className="number">
            Size
          </th>
          <th scope="col" className="number">
            Read
          </th>
          <th scope="col">
            <span className="visually-hidden">Read now</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {tables.map((table) => (
          <Row key={table.name} table={table} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ table }: { table: LookupTable }) {
  const trouble = tableTrouble(table)
  const text = table.text ?? ''
  return (
    <tr>
      <th scope="row">
        <Link to={paths.table(table.name)}>{table.name}</Link>
        {text !== '' && <span className="sub">{text}</span>}
        <span className="sub">from {sourceWords(table)}</span>
      </th>
      <td>
        <TableMark state={table.state} />
        {trouble !== undefined && (
          <span className={`rule-trouble ${trouble.tone}`}>
            <Prose text={trouble.problem} />
          </span>
        )}
        {trouble !== undefined && (
          <span className="sub">
            <Prose text={trouble.remedy} />
          </span>
        )}
      </td>
      <td className="number" data-label="rows">
        {count(table.rows)}
      </td>
      <td className="number" data-label="size">
        {bytes(table.bytes)}
      </td>
      <td className="number" data-label="read">
        <Ago time={table.read_at ?? undefined} />
      </td>
      <td>
        <ReadTable table={table} />
      </td>
    </tr>
  )
}

export function ReadTable({ table }: { table: LookupTable }) {
  const role = useMe().role
  const read = useMutation({
    mutationFn: () => api.refreshTable(table.name),
    onSettled: () => Promise.all([queryClient.invalidateQueries({ queryKey: tablesQuery.queryKey }), queryClient.invalidateQueries({ queryKey: tableQuery(table.name, 0).queryKey.slice(0, 2) })]),
  })
  const cannot = table.source === 'rows' ? 'Its rows stand in the configuration.' : whyNot(role, 'operator', 'Reading now')
  return (
    <>
      <Button icon="turning" busy={read.isPending} whyNot={cannot} onClick={() => read.mutate()}>
        Read now
      </Button>
      {read.error !== null && <Failure error={read.error} />}
    </>
  )
}
