/** Where a rule is written, tried and saved: one that is there, or a new one. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'

import type { RuleColumn } from '../../api/rules'
import { configQuery, rulesQuery, sqlTablesQuery } from '../../api/queries'
import { RuleQuery } from '../../components/RuleQuery'
import { RuleTrialPane } from '../../components/RuleTrialPane'
import { SqlTables } from '../../components/SqlTables'
import type { EditorHandle } from '../../components/YamlEditor'
import { RuleSettings } from '../../forms/RuleSettings'
import { useMe } from '../../hooks/useMe'
import { useRuleCheck } from '../../hooks/useRuleCheck'
import { useRuleTrial } from '../../hooks/useRuleTrial'
import { emptyDocument, namesIn } from '../../lib/document'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { streamsOf } from '../../lib/ruleComplete'
import { durationMs, ruleProblems, saidAction, withRule, type RuleForm } from '../../lib/ruleForm'
import { loadRule, saveRule } from '../../lib/ruleStore'
import { firstSource, trialRequest } from '../../lib/ruleTrial'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { ReviewDevice } from '../commission/ReviewDevice'

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
  const me = useMe()
  const running = useSuspenseQuery(configQuery).data
  const text = running?.text ?? ''
  const base = JSON.stringify(original)
  const [draft, setDraft] = useState(() => loadRule(name) ?? { base, form: original })
  const [tried, setTried] = useState(false)
  const [review, setReview] = useState(false)
  // Until the configuration says what was saved, what was typed stands.
  const saved = useRef(false)
  const { form } = draft
  const changed = JSON.stringify(form) !== base
  const cannot = whyNot(me.role, 'engineer', 'Changing rules')
  const check = useRuleCheck(form.name, form.sql)
  const fits = check.state === 'checked' && check.sql === form.sql && check.result?.findings.length === 0
  const columns = check.result?.columns ?? noColumns
  const taken = useMemo(() => new Set(name === '' ? (['devices', 'templates', 'rules'] as const).flatMap((list) => namesIn(text, list)) : []), [name, text])
  const problems = ruleProblems(form, taken, fits ? columns : undefined)

  useEffect(() => saveRule(name, changed ? draft : undefined), [name, changed, draft])
  // Nothing of one's own is lost when the rule becomes another underneath.
  useEffect(() => {
    const follows = saved.current
    saved.current = false
    setDraft((before) => (before.base !== base && (follows || JSON.stringify(before.form) === before.base) ? { base, form: JSON.parse(base) as RuleForm } : before))
  }, [base])

  const change = (part: Partial<RuleForm>) => setDraft((before) => ({ ...before, form: { ...before.form, ...part } }))
  const discard = () => {
    saveRule(name, undefined)
    setDraft({ base, form: original })
    setTried(false)
  }
  const wrong = check.state === 'checked' && !fits && form.sql.trim() !== ''
  return (
    <>
      {cannot !== undefined && <Notice tone="info" title={cannot} />}
      {changed && draft.base !== base && (
        <Notice tone="warn" title="Somebody else changed this rule after you began">
          <span>Reviewing compares yours with what runs now.</span>
          <div>
            <Button onClick={discard}>Discard mine, take the newer one</Button>
          </div>
        </Notice>
      )}
      <Bench form={form} check={check} readOnly={cannot !== undefined} problem={tried ? problems.get('sql') : undefined} onSql={(sql) => change({ sql })}>
        {children}
      </Bench>
      {cannot === undefined && (
        <>
          <RuleSettings form={form} columns={columns} problems={tried ? problems : new Map()} fresh={name === ''} onChange={change} />
          <div className={changed ? 'step-foot rule-foot' : 'step-foot rule-foot is-idle'}>
            <Button
              kind="primary"
              onClick={() => {
                setTried(true)
                if (problems.size === 0) setReview(true)
              }}
              whyNot={!changed ? 'Nothing is changed yet.' : wrong ? `Mend ${plural(check.result?.findings.length ?? 0, 'finding')} first.` : undefined}
            >
              Review and save
            </Button>
            {changed && <Button onClick={discard}>Discard changes</Button>}
            <span role="status" className="problem">
              {tried && problems.size > 0 && `${plural(problems.size, 'field')} to mend: ${[...problems.values()][0] ?? ''}`}
            </span>
          </div>
        </>
      )}
      {review && (
        <ReviewDevice
          edit={(now) => withRule(now?.text ?? emptyDocument(me.edge), form)}
          comment={name === '' ? `New rule ${form.name}` : `Rule ${name}`}
          to={paths.rule(form.name)}
          back={name === '' ? paths.rules : paths.rule(name)}
          onClose={() => setReview(false)}
          onSaved={() => {
            saved.current = true
            saveRule(name, undefined)
            setReview(false)
          }}
          onDiscarded={() => {
            setReview(false)
            discard()
          }}
        />
      )}
    </>
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
        <RuleQuery ref={editor} sql={form.sql} check={check} tables={tables} readOnly={readOnly} problem={problem} onChange={onSql} onRun={run} onChoose={({ line, column }) => editor.current?.goTo(line, column)} />
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
