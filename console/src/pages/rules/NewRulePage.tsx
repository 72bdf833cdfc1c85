/** A rule that is not there yet: an example to begin with, on a device that is. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo } from 'react'

import { sqlTablesQuery } from '../../api/queries'
import { PageHead } from '../../components/PageHead'
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
      <PageHead above={[[paths.rules, 'Rules']]} title="New rule" lead="One SELECT over what devices give. Try it on history, name it, then save it: as a trial it runs and does nothing." />
      <RuleWorkbench original={original} name="" />
    </div>
  )
}
