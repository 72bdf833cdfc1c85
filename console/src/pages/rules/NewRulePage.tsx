/** A rule that is not there yet: an example to begin with, on a device that is. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link } from 'react-router'

import { sqlTablesQuery } from '../../api/queries'
import { useTitle } from '../../hooks/useTitle'
import { emptyRule } from '../../lib/ruleForm'
import { firstQuery } from '../../lib/rules'
import { paths } from '../../paths'
import { RuleWorkbench } from './RuleWorkbench'

export function NewRulePage() {
  useTitle('New rule')
  const tables = useSuspenseQuery(sqlTablesQuery).data
  const original = useMemo(() => ({ ...emptyRule, sql: firstQuery(tables) }), [tables])
  return (
    <div className="page rule-page">
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.rules}>Rules</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">New rule</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>New rule</h1>
          <p className="muted">One SELECT over what devices give. Try it on history, name it, then save it: as a trial it runs and does nothing.</p>
        </div>
      </header>
      <RuleWorkbench original={original} name="" />
    </div>
  )
}
