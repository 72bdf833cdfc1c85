/** The ledger by group, those with most missing first, a page at a time. */
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import type { GroupAccount } from '../api/ledger'
import { ledgerGroupsQuery } from '../api/queries'
import { samplesOf } from '../lib/ledger'
import { count, plural } from '../lib/numbers'
import type { Range } from '../lib/trend'
import { paths } from '../paths'
import { Failure } from './Failure'
import { Reasons } from './LedgerSinks'
import { Pager } from './Pager'

const pageSize = 25

interface Props {
  range: Range
  device: string
  offsetMs: number
  page: number
  onPage: (page: number) => void
}

export function LedgerGroups({ range, device, offsetMs, page, onPage }: Props) {
  const { data, error } = useQuery(ledgerGroupsQuery(range, device, page * pageSize, pageSize, offsetMs))
  return (
    <section className="panel" aria-labelledby="ledger-groups">
      <header>
        <h2 id="ledger-groups">Groups</h2>
        <span className="muted small">those with most missing first</span>
      </header>
      {error !== null && data === undefined && (
        <div className="body">
          <Failure error={error} />
        </div>
      )}
      {data === undefined && error === null && <p className="body muted">Asking the edge…</p>}
      {data !== undefined && data.items.length === 0 && <p className="body">{page > 0 ? 'This page is empty by now: go back to the first.' : 'No group was read in this time.'}</p>}
      {data !== undefined && data.items.length > 0 && (
        <table className="table row-cards ledger-groups">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col" className="number">
                Expected
              </th>
              <th scope="col" className="number">
                Not read
              </th>
              <th scope="col" className="number">
                Without a value
              </th>
              <th scope="col" className="number">
                Uncertain
              </th>
              <th scope="col" className="number">
                Unchanged
              </th>
              <th scope="col" className="number">
                Stored
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((group) => (
              <GroupRow key={`${group.device}/${group.group}`} group={group} />
            ))}
          </tbody>
        </table>
      )}
      <Pager label="Pages of groups" page={page} size={pageSize} total={data?.total ?? 0} onPage={onPage} />
    </section>
  )
}

function GroupRow({ group }: { group: GroupAccount }) {
  const [missed, bad] = [samplesOf(group.missed), samplesOf(group.bad)]
  return (
    <tr>
      <th scope="row" className="cell-name">
        <Link to={`${paths.device(group.device)}?group=${encodeURIComponent(group.group)}`}>
          {group.device}, {group.group}
        </Link>
        <span className="sub">{plural(group.tags, 'tag')}</span>
      </th>
      <td className="number" data-label="expected">
        {count(group.expected)}
      </td>
      <td className={`number ${missed === 0 ? 'is-zero' : 'is-bad'}`} data-label="not read">
        {count(missed)}
        <Reasons causes={group.missed} />
      </td>
      <td className={`number ${bad === 0 ? 'is-zero' : 'is-bad'}`} data-label="without a value">
        {count(bad)}
        <Reasons causes={group.bad} />
      </td>
      <td className={`number ${group.uncertain === 0 ? 'is-zero' : 'is-warn'}`} data-label="uncertain">
        {count(group.uncertain)}
      </td>
      <td className={`number ${group.suppressed === 0 ? 'is-zero' : ''}`} data-label="unchanged">
        {count(group.suppressed)}
      </td>
      <td className="number" data-label="stored">
        {count(group.stored)}
      </td>
    </tr>
  )
}
