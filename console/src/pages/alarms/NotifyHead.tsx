/** The head of a page below the notifications. */
import type { ReactNode } from 'react'
import { Link } from 'react-router'

import { paths } from '../../paths'

export function NotifyHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <>
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.alarms}>Alarms</Link>
        <span aria-hidden="true">/</span>
        <Link to={paths.notify}>Notifications</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">{title}</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {children !== undefined && <p className="muted">{children}</p>}
        </div>
      </header>
    </>
  )
}
