/** Where a rule is written, tried and saved: one that is there, or a new one. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useRef, useState, type ReactNode } from 'react'

import type { RuleColumn } from '../../api/rules'
import { rulesQuery, sqlTablesQuery } from '../../api/queries'
import { RuleQuery } from '../../components/RuleQuery'
import { RuleTrialPane } from '../../components/RuleTrialPane'
import { SqlTables } from '../../components/SqlTables'
import type { EditorHandle } from '../../components/YamlEditor'
import { ItemForm } from '../../forms/ItemForm'
import { RuleSettings } from '../../forms/RuleSettings'
import { useConfigText } from '../../hooks/useConfigText'
import { useFormDraft } from '../../hooks/useFormDraft'
import { useMe } from '../../hooks/useMe'
import { useRuleCheck } from '../../hooks/useRuleCheck'
import { useRuleTrial } from '../../hooks/useRuleTrial'
import { namesIn } from '../../lib/document'
import { whyNot } from '../../lib/roles'
import { streamsOf } from '../../lib/ruleComplete'
import { durationMs, ruleProblems, saidAction, withRule, type RuleForm } from '../../lib/ruleForm'
import { firstSource, trialRequest } from '../../lib/ruleTrial'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'

interface Props {
  /** as it is in the configuration, or the form of a new one */
  original: RuleForm
  /** empty for a new one */
  name: string
  /** stands below the trial */
  children?: ReactNode
}

const noColumns: RuleColumn[] = []
/** Enough of them to name in a query; others are typed. */
const rulesNamed = 200

export function RuleWorkbench({ original, name, children }: Props) {
  const text = useConfigText()
  const draft = useFormDraft(name === '' ? 'rule-new' : `rule ${name}`, original)
  const { form, tried, change } = draft
  const cannot = whyNot(useMe().role, 'engineer', 'Changing rules')
  const check = useRuleCheck(form.name, form.sql)
  const findings = check.state === 'checked' && check.sql === form.sql ? check.result?.findings.length : undefined
  const columns = check.result?.columns ?? noColumns
  const taken = useMemo(() => new Set(name === '' ? (['devices', 'templates', 'rules'] as const).flatMap((list) => namesIn(text, list)) : []), [name, text])
  const problems = ruleProblems(form, taken, findings === 0 ? columns : undefined)
  const bench = (
    <Bench form={form} check={check} readOnly={cannot !== undefined} problem={tried ? problems.get('sql') : undefined} onSql={(sql) => change({ sql })}>
      {children}
    </Bench>
  )
  if (cannot !== undefined) {
    return (
      <>
        <Notice tone="info" title={cannot} />
        {bench}
      </>
    )
  }
  return (
    <ItemForm
      draft={draft}
      what="rule"
      problems={problems}
      wrong={findings ?? 0}
      write={(now) => withRule(now, form)}
      comment={name === '' ? `New rule ${form.name}` : `Rule ${name}`}
      to={paths.rule(form.name)}
    >
      {bench}
      <RuleSettings form={form} columns={columns} problems={tried ? problems : new Map()} fresh={name === ''} onChange={change} />
    </ItemForm>
  )
}

interface BenchProps {
  form: RuleForm
  check: ReturnType<typeof useRuleCheck>
  readOnly: boolean
  problem: string | undefined
  onSql: (sql: string) => void
  children: ReactNode
}

/** The query, its trial, and what can be named in it. */
function Bench({ form, check, readOnly, problem, onSql, children }: BenchProps) {
  const me = useMe()
  const all = useSuspenseQuery(sqlTablesQuery).data
  const others = useQuery({ ...rulesQuery({ offset: 0, limit: rulesNamed }), refetchInterval: false, staleTime: 30_000 }).data?.items
  const tables = useMemo(() => streamsOf(all, others, form.name), [all, others, form.name])
  const editor = useRef<EditorHandle>(null)
  const [source, setSource] = useState(() => firstSource(Date.now()))
  const [wrong, setWrong] = useState<string | undefined>()
  const trial = useRuleTrial()
  const reads = check.result?.tables ?? []
  const late = durationMs(form.lateness) === undefined ? {} : { lateness: form.lateness.trim() }
  const named = form.name === '' ? {} : { name: form.name }
  const run = (sql: string) => {
    if (readOnly || trial.running || sql.trim() === '') return
    const request = trialRequest(source, { ...named, sql, ...late, actions: form.actions.map(saidAction) }, reads, Date.now())
    setWrong('problem' in request ? request.problem : undefined)
    if ('raw' in request) trial.run(request.raw)
  }
  const cannotTry = whyNot(me.role, 'engineer', 'Trying rules') ?? (form.sql.trim() === '' ? 'Write the query first.' : undefined)
  return (
    <div className="sql-split rule-split">
      <div className="sql-main">
        <RuleQuery editor={editor} sql={form.sql} check={check} tables={tables} readOnly={readOnly} problem={problem} onChange={onSql} onRun={run} />
        <RuleTrialPane
          source={source}
          trial={trial}
          problem={wrong}
          sql={form.sql}
          reads={reads}
          tables={tables}
          whyNot={cannotTry}
          onSource={(part) => {
            setWrong(undefined)
            setSource((before) => ({ ...before, ...part }))
          }}
          onRun={() => run(form.sql)}
        />
        {children}
      </div>
      <aside className="sql-side" aria-label="What there is to name">
        <SqlTables tables={tables} onInsert={(insert) => editor.current?.insert(insert)} />
      </aside>
    </div>
  )
}
