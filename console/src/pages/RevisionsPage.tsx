/** Every configuration that ever ran: who, when, why. */
import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { revisionsQuery } from '../api/queries'
import { PageHead } from '../components/PageHead'
import { ConfigTabs } from '../components/Tabs'
import { useTitle } from '../hooks/useTitle'
import { bytes, count } from '../lib/numbers'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { Mark } from '../ui/Mark'

const pageSize = 25

export function RevisionsPage() {
  useTitle('Revisions')
  const [search, setSearch] = useSearchParams()
  const offset = Math.max(0, Number(search.get('offset') ?? '0') || 0)
  const { data } = useQuery(revisionsQuery(offset, pageSize))
  const go = (next: number) => setSearch(next === 0 ? {} : { offset: String(next) })
  return (
    <div className="page">
      <PageHead title="Revisions" lead="Every configuration that was applied. Any of them can be looked at and brought back." />
      <ConfigTabs />
      <section className="panel" aria-label="Revisions">
        {data !== undefined && data.items.length === 0 && (
          <p className="body">
            No configuration was applied yet. <Link to={paths.config}>Write the first one</Link>
          </p>
        )}
        {data !== undefined && data.items.length > 0 && (
          <table className="table revisions">
            <thead>
              <tr>
                <th scope="col">Revision</th>
                <th scope="col">Applied</th>
                <th scope="col">By</th>
                <th scope="col">Comment</th>
                <th scope="col" className="number">
                  Devices
                </th>
                <th scope="col" className="number">
                  Tags
                </th>
                <th scope="col" className="number">
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((revision) => (
                <tr key={revision.revision}>
                  <th scope="row" className="cell-name">
                    <Link to={paths.revision(revision.revision)}>Revision {revision.revision}</Link>
                    {revision.active && (
                      <Mark tone="good" icon="check">
                        running
                      </Mark>
                    )}
                  </th>
                  <td>
                    <time dateTime={revision.applied_at}>{moment(revision.applied_at)}</time>
                  </td>
                  <td>{revision.by}</td>
                  <td className="cell-comment">
                    {revision.comment ?? <span className="muted">no comment</span>}
                  </td>
                  <td className="number" data-label="devices">
                    {count(revision.devices)}
                  </td>
                  <td className="number" data-label="tags">
                    {count(revision.tags)}
                  </td>
                  <td className="number" data-label="">
                    {bytes(revision.bytes)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {data !== undefined && data.total > pageSize && (
          <nav className="pager" aria-label="Pages of revisions">
            <Button
              icon="left"
              onClick={() => go(Math.max(0, offset - pageSize))}
              whyNot={offset === 0 ? 'These are the newest.' : undefined}
            >
              Newer
            </Button>
            <span className="small">
              {offset + 1} to {Math.min(offset + pageSize, data.total)} of {count(data.total)}
            </span>
            <Button
              icon="right"
              onClick={() => go(offset + pageSize)}
              whyNot={data.next === undefined ? 'These are the oldest.' : undefined}
            >
              Older
            </Button>
          </nav>
        )}
      </section>
    </div>
  )
}
