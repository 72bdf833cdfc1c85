/** The head of a page: the pages above it, what it is called and what it is. */
import { Fragment, type ReactNode } from 'react'
import { Link } from 'react-router'

interface Props {
  /** addresses and names of the pages above, for a page that no menu shows */
  above?: readonly (readonly [string, string])[]
  title: string
  /** the title below the others, where that is shorter */
  here?: string
  lead?: ReactNode
  /** at the end: how it is, and the ways on */
  children?: ReactNode
}

export function PageHead({ above, title, here = title, lead = '', children }: Props) {
  return (
    <>
      {above !== undefined && (
        <nav aria-label="Breadcrumb" className="crumbs">
          {above.map(([to, name]) => (
            <Fragment key={to}>
              <Link to={to}>{name}</Link>
              <span aria-hidden="true">/</span>
            </Fragment>
          ))}
          <span aria-current="page">{here}</span>
        </nav>
      )}
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead !== '' && <p className="muted">{lead}</p>}
        </div>
        {children !== undefined && children !== false && <div className="page-head-end">{children}</div>}
      </header>
    </>
  )
}
