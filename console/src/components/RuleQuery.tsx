/** The SQL of a rule: its editor, what the edge finds in it, and what it reads and gives. */
import { useMemo, type RefObject } from 'react'

import type { SqlTables } from '../api/history'
import type { Check } from '../hooks/useRuleCheck'
import { CheckedEditor } from './CheckedEditor'
import { completionOf } from './ruleCompletion'
import type { EditorHandle } from './YamlEditor'

interface Props {
  editor: RefObject<EditorHandle | null>
  sql: string
  check: Check
  tables: SqlTables
  readOnly: boolean
  problem: string | undefined
  onChange: (sql: string) => void
  onRun: (sql: string) => void
}

export function RuleQuery({ editor, sql, check, tables, readOnly, problem, onChange, onRun }: Props) {
  const complete = useMemo(() => completionOf(tables), [tables])
  return (
    <CheckedEditor
      editor={editor}
      label="Query"
      className="rule-query"
      what="SQL of the rule"
      value={sql}
      check={check}
      complete={complete}
      idle="Write a SELECT over what devices give."
      keys={
        <>
          <kbd>Ctrl</kbd> + <kbd>Space</kbd> proposes, <kbd>Ctrl</kbd> + <kbd>Enter</kbd> tries
        </>
      }
      readOnly={readOnly}
      problem={problem}
      onChange={onChange}
      onRun={onRun}
    >
      {check.result?.findings.length === 0 && <Gives check={check.result} />}
    </CheckedEditor>
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
