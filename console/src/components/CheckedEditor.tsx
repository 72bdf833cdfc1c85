/** SQL that the edge checks as one types: its editor, and what is found in it at line and column. */
import { useMemo, type ReactNode, type RefObject } from 'react'
import type { CompletionSource } from '@codemirror/autocomplete'

import type { Finding } from '../api/types'
import { plural } from '../lib/numbers'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'
import { Failure } from './Failure'
import { FindingList } from './FindingList'
import { SqlEditor, type Wrong } from './SqlEditor'
import type { EditorHandle } from './YamlEditor'

interface Checked {
  state: 'checking' | 'checked' | 'failed' | 'off'
  /** the last one, also while a newer text is checked */
  result?: { findings: (Pick<Finding, 'problem' | 'remedy'> & { line: number; column: number })[] }
  error?: unknown
}

interface Props {
  editor: RefObject<EditorHandle | null>
  /** of the panel */
  label: string
  className: string
  /** such as `SQL of the rule` */
  what: string
  value: string
  check: Checked
  complete: CompletionSource
  /** what is said while nothing is written */
  idle: string
  /** what keys do */
  keys: ReactNode
  readOnly?: boolean
  problem: string | undefined
  onChange: (value: string) => void
  onRun: (value: string) => void
  children?: ReactNode
}

const noFindings: never[] = []

export function CheckedEditor({ editor, label, className, what, value, check, complete, idle, keys, readOnly = false, problem, onChange, onRun, children }: Props) {
  const findings = check.result?.findings ?? noFindings
  const wrong = useMemo(() => findings.map(({ line, column, problem: told, remedy }): Wrong => ({ place: { line, column }, problem: `${told}\n${remedy}` })), [findings])
  const many = findings.length
  return (
    <section className={`panel ${className}`} aria-label={label}>
      <div className="sql-editor-frame">
        <SqlEditor ref={editor} label={readOnly ? `${what}, read only` : what} value={value} onChange={onChange} onRun={onRun} wrong={wrong} complete={complete} readOnly={readOnly} />
      </div>
      <div className="sql-run">
        <span role="status" className="lint-state small">
          {check.state === 'off' && (
            <span className="muted">
              <Prose text={idle} />
            </span>
          )}
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
        {!readOnly && <span className="small muted sql-keys">{keys}</span>}
        {problem !== undefined && (
          <span className="problem" role="alert">
            <Icon name="warning" />
            <span>
              <Prose text={problem} />
            </span>
          </span>
        )}
      </div>
      {check.state === 'failed' && (
        <div className="body">
          <Failure error={check.error} />
        </div>
      )}
      {many > 0 && <FindingList findings={findings.map((each): Finding => ({ ...each, weight: 'error', path: `column ${each.column}` }))} onChoose={({ line, column }) => editor.current?.goTo(line, column)} />}
      {children}
    </section>
  )
}
