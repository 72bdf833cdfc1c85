/** The formula of a tag: its editor, and what the edge finds in it at line and column. */
import { useMemo, type Ref } from 'react'
import type { CompletionSource } from '@codemirror/autocomplete'

import type { Finding } from '../api/types'
import type { FormulaState } from '../hooks/useFormulaCheck'
import { plural } from '../lib/numbers'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'
import { Failure } from './Failure'
import { FindingList } from './FindingList'
import { SqlEditor, type Wrong } from './SqlEditor'
import type { EditorHandle } from './YamlEditor'

interface Props {
  ref: Ref<EditorHandle>
  formula: string
  check: FormulaState
  complete: CompletionSource
  readOnly: boolean
  problem: string | undefined
  onChange: (formula: string) => void
  onRun: () => void
  onChoose: (finding: { line: number; column: number }) => void
}

const noFindings: never[] = []

export function FormulaEditor({ ref, formula, check, complete, readOnly, problem, onChange, onRun, onChoose }: Props) {
  const findings = check.result?.findings ?? noFindings
  const wrong = useMemo(() => findings.map(({ line, column, problem: told, remedy }): Wrong => ({ place: { line, column }, problem: `${told}\n${remedy}` })), [findings])
  const many = findings.length
  return (
    <section className="panel formula-editor" aria-label="Formula">
      <div className="sql-editor-frame">
        <SqlEditor ref={ref} label={readOnly ? 'Formula of the tag, read only' : 'Formula of the tag'} value={formula} onChange={onChange} onRun={onRun} wrong={wrong} complete={complete} readOnly={readOnly} />
      </div>
      <div className="sql-run">
        <span role="status" className="lint-state small">
          {check.state === 'off' && (
            <span className="muted">
              <Prose text={'An expression over tags: `steam / fuel`, `"boiler-2/steam" * 2`'} />
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
        {!readOnly && (
          <span className="small muted sql-keys">
            <kbd>Ctrl</kbd> + <kbd>Space</kbd> proposes tags and functions
          </span>
        )}
        {problem !== undefined && (
          <span className="problem" role="alert">
            <Icon name="warning" /> <Prose text={problem} />
          </span>
        )}
      </div>
      {check.state === 'failed' && (
        <div className="body">
          <Failure error={check.error} />
        </div>
      )}
      {many > 0 && <FindingList findings={findings.map((each): Finding => ({ ...each, weight: 'error', path: `column ${each.column}` }))} onChoose={onChoose} />}
    </section>
  )
}
