/** Tries a rule before it does anything: over history, or over rows that are pasted. */
import { useId, useState } from 'react'

import type { SqlTables } from '../api/history'
import type { Trial } from '../hooks/useRuleTrial'
import { exampleRows, trialSpans, trialWords, type TrialSource } from '../lib/ruleTrial'
import { duration } from '../lib/time'
import { Button } from '../ui/Button'
import { AreaField, TextField } from '../ui/Field'
import { Failure } from './Failure'
import { RuleTrialResult } from './RuleTrialResult'

interface Props {
  source: TrialSource
  trial: Trial
  /** what is wrong with the source, once it was tried */
  problem: string | undefined
  sql: string
  /** names of what the query reads */
  reads: readonly string[]
  tables: SqlTables
  whyNot: string | undefined
  onSource: (part: Partial<TrialSource>) => void
  onRun: () => void
}

export function RuleTrialPane({ source, trial, problem, sql, reads, tables, whyNot, onSource, onRun }: Props) {
  const id = useId()
  return (
    <section className="panel rule-trial" aria-labelledby={id}>
      <header>
        <h2 id={id}>Try it</h2>
        <span className="small muted">Nothing is stored, raised or written.</span>
      </header>
      <div className="body form">
        <fieldset className="segments">
          <legend className="visually-hidden">Over what</legend>
          {(['history', 'rows'] as const).map((each) => (
            <label key={each}>
              <input type="radio" name={id} checked={source.over === each} onChange={() => onSource({ over: each })} />
              <span>{each === 'history' ? 'Over history' : 'Over rows of mine'}</span>
            </label>
          ))}
        </fieldset>
        {source.over === 'history' ? <Span source={source} problem={problem} onSource={onSource} /> : <PastedRows source={source} problem={problem} onSource={onSource} example={() => exampleRows(sql, reads, tables, Date.now())} />}
        <div className="buttons rule-trial-run">
          <Button kind="primary" icon="play" busy={trial.running} onClick={onRun} whyNot={whyNot}>
            Try
          </Button>
          {trial.running && (
            <Button icon="close" onClick={trial.cancel}>
              Cancel
            </Button>
          )}
          <span role="status" className="sql-status">
            {trial.running && `Running, ${duration(trial.elapsedMs)}`}
            {trial.cancelled && `Cancelled after ${duration(trial.elapsedMs)}: the edge has stopped the work.`}
            {trial.answer !== undefined && <span className="visually-hidden">{trialWords(trial.answer)}.</span>}
          </span>
        </div>
        {trial.running && <progress className="rule-progress" aria-label="The trial runs" />}
        {trial.error !== undefined && <Failure error={trial.error} />}
      </div>
      {trial.answer !== undefined && <RuleTrialResult key={trial.at} trial={trial.answer} />}
    </section>
  )
}

interface SourceProps {
  source: TrialSource
  problem: string | undefined
  onSource: (part: Partial<TrialSource>) => void
}

function Span({ source, problem, onSource }: SourceProps) {
  const id = useId()
  return (
    <>
      <fieldset className="segments">
        <legend className="visually-hidden">Which time</legend>
        {trialSpans.map(([span, title]) => (
          <label key={span}>
            <input type="radio" name={id} checked={source.span === span} onChange={() => onSource({ span })} />
            <span>{title}</span>
          </label>
        ))}
      </fieldset>
      {source.span === 'own' && (
        <div className="rule-fields">
          <TextField label="From" type="datetime-local" step={1} value={source.from} onChange={(event) => onSource({ from: event.target.value })} />
          <TextField label="To" type="datetime-local" step={1} value={source.to} problem={problem} onChange={(event) => onSource({ to: event.target.value })} />
        </div>
      )}
    </>
  )
}

function PastedRows({ source, problem, onSource, example }: SourceProps & { example: () => string }) {
  const [offered] = useState(example)
  return (
    <>
      <AreaField
        label="Rows as JSON"
        hint="A list of rows for each table; a row without a time comes a moment after the one before."
        className="rule-rows"
        rows={8}
        spellCheck={false}
        placeholder={offered}
        value={source.rows}
        problem={problem}
        onChange={(event) => onSource({ rows: event.target.value })}
      />
      <div>
        <Button onClick={() => onSource({ rows: example() })}>Take the example</Button>
      </div>
    </>
  )
}
