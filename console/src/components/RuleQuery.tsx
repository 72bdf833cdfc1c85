/** The SQL of a rule: its editor, what the edge finds in it, and what it reads and gives. */
import { useMemo, type Ref } from 'react'

import type { SqlTables } from '../api/history'
import type { Finding } from '../api/types'
import type { Check } from '../hooks/useRuleCheck'
import { plural } from '../lib/numbers'
import { Icon } from '../ui/Icon'
import { Failure } from './Failure'
import { FindingList } from './FindingList'
import { completionOf } from './ruleCompletion'
import { SqlEditor, type Wrong } from './SqlEditor'
import type { EditorHandle } from './YamlEditor'

interface Props {
  ref: Ref<EditorHandle>
  sql: string
  check: Check
  tables: SqlTables
  readOnly: boolean
  problem: string | undefined
  onChange: (sql: string) => void
  onRun: (sql: string) => void
  onChoose: (finding: { line: number; column: number }) => void
}

const noFindings: never[] = []

export function RuleQuery({ ref, sql, check, tables, readOnly, problem, onChange, onRun, onChoose }: Props) {
  const complete = useMemo(() => completionOf(tables), [tables])
  const findings = check.result?.findings ?? noFindings
  const wrong = useMemo(() => findings.map(({ line, column, problem: told, remedy }): Wrong => ({ place: { line, column }, problem: `${told}\n${remedy}` })), [findings])
  return (
    <section className="panel rule-query" aria-label="Query">
      <div className="sql-editor-frame">
        <SqlEditor ref={ref} label={readOnly ? 'SQL of the rule, read only' : 'SQL of the rule'} value={sql} onChange={onChange} onRun={onRun} wrong={wrong} complete={complete} readOnly={readOnly} />
      </div>
      <div className="sql-run">
        <CheckState check={check} />
        <span className="small muted sql-keys">
          <kbd>Ctrl</kbd> + <kbd>Space</kbd> proposes, <kbd>Ctrl</kbd> + <kbd>Enter</kbd> tries
        </span>
        {problem !== undefined && sql.trim() === '' && (
          <span className="problem">
            <Icon name="warning" /> {problem}
          </span>
        )}
      </div>
      {check.state === 'failed' && (
        <div className="body">
          <Failure error={check.error} />
        </div>
      )}
      {findings.length > 0 && <FindingList findings={findings.map((each): Finding => ({ ...each, weight: 'error', path: `column ${each.column}` }))} onChoose={onChoose} />}
      {check.result !== undefined && findings.length === 0 && <Gives check={check.result} />}
    </section>
  )
}

function CheckState({ check }: { check: Check }) {
  const many = check.result?.findings.length ?? 0
  return (
    <span role="status" className="lint-state small">
      {check.state === 'off' && <span className="muted">Write a SELECT over what devices give.</span>}
      {check.state === 'checking' && <span className="muted">checking…</span>}
      {check.state === 'checked' && many === 0 && (
        <span className="mark good">
          <Icon name="check" /> nothing to mend
        </span>
      )}
      {check.state === 'checked' && many > 0 && (
        <span className="mark bad">
          <Icon name="cross" /> {plural(many, 'finding')}
        </span>
      )}
    </span>
  )
}

function Gives({ check }: { check: NonNullable<Check['result']> }) {
  const plan = check.plan ?? ''
  return (
    <div className="rule-gives small">
      <p>
        Reads{' '}
        {check.tables.map((table, index) => (
          <span key={table}>
            {index > 0 && ', '}
            <code>{table}</code>
          </span>
        ))}
        . Gives{' '}
        {check.columns.map((column, index) => (
          <span key={column.name}>
            {index > 0 && ', '}
            <code>{column.name}</code> <span className="muted">{column.data_type}</span>
          </span>
        ))}
        .
      </p>
      {plan !== '' && (
        <details>
          <summary>How it is worked out</summary>
          {/* A region that scrolls must be reachable by keyboard. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="example" tabIndex={0} role="region" aria-label="Plan of the query">
            {plan}
          </pre>
        </details>
      )}
    </div>
  )
}
