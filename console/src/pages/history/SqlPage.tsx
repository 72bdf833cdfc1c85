/** SQL over everything that is kept: a query, its rows, a chart of them; read only. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useSearchParams } from 'react-router'

import { sqlTablesQuery } from '../../api/queries'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { SqlEditor } from '../../components/SqlEditor'
import { SqlResult } from '../../components/SqlResult'
import { SqlTables } from '../../components/SqlTables'
import { HistoryTabs } from '../../components/Tabs'
import type { EditorHandle } from '../../components/YamlEditor'
import { useSql } from '../../hooks/useSql'
import { useTitle } from '../../hooks/useTitle'
import { count, plural } from '../../lib/numbers'
import { examplesFor, placeIn, type Ran } from '../../lib/sql'
import { loadQuery, saveQuery } from '../../lib/sqlStore'
import { clock, duration } from '../../lib/time'
import { Button } from '../../ui/Button'

/** Longer ones stay in the tab: addresses are cut by what lies between. */
const addressMax = 4_000

const rowChoices = [1_000, 10_000, 100_000]

export function SqlPage() {
  useTitle('SQL')
  const tables = useSuspenseQuery(sqlTablesQuery).data
  const examples = useMemo(() => examplesFor(tables), [tables])
  const [search, setSearch] = useSearchParams()
  const [text, setText] = useState(() => search.get('q') ?? loadQuery() ?? examples[0]?.query ?? '')
  const [rows, setRows] = useState(1_000)
  const editor = useRef<EditorHandle>(null)
  const sql = useSql()
  const place = useMemo(() => (sql.error === undefined ? undefined : (placeIn(sql.error.message) ?? sql.error.findings[0])), [sql.error])
  const wrong = useMemo(() => (place === undefined || sql.error === undefined || sql.query !== text ? [] : [{ place, problem: `${sql.error.message}\n${sql.error.remedy}` }]), [place, sql.error, sql.query, text])
  useEffect(() => saveQuery(text), [text])

  const empty = text.trim() === ''
  const run = (query: string) => {
    if (query.trim() === '' || sql.running) return
    setSearch(
      (before) => {
        if (query.length <= addressMax) before.set('q', query)
        else before.delete('q')
        return before
      },
      { replace: true },
    )
    sql.run(query, rows)
  }
  return (
    <div className="page">
      <PageHead title="SQL" lead="Every sample, the newest values and the events, as tables. Queries only read; collecting goes on undisturbed." />
      <HistoryTabs />
      <div className="sql-split">
        <div className="sql-main">
          <section className="panel" aria-label="Query">
            <div className="sql-editor-frame">
              <SqlEditor ref={editor} label="Query in SQL" value={text} onChange={setText} onRun={run} wrong={wrong} />
            </div>
            <div className="sql-run">
              <Button kind="primary" icon="play" busy={sql.running} onClick={() => run(text)} whyNot={empty ? 'Write a query, or take an example.' : undefined}>
                Run
              </Button>
              <Button icon="close" onClick={sql.cancel} whyNot={sql.running ? undefined : 'No query runs.'}>
                Cancel
              </Button>
              <label className="rows-most">
                Rows at most{' '}
                <select className="input" value={rows} onChange={(event) => setRows(Number(event.target.value))}>
                  {rowChoices.map((each) => (
                    <option key={each} value={each}>
                      {count(each)}
                    </option>
                  ))}
                </select>
              </label>
              <span className="small muted sql-keys">
                <kbd>Ctrl</kbd> + <kbd>Enter</kbd> runs
              </span>
              <span role="status" className="sql-status">
                {sql.running && `Running, ${duration(sql.elapsedMs)}`}
                {sql.answer !== undefined && <span className="visually-hidden">{plural(sql.answer.rows.length, 'row')} came.</span>}
                {sql.cancelled && `Cancelled after ${duration(sql.elapsedMs)}: the edge has stopped the work.`}
              </span>
            </div>
          </section>
          {sql.error !== undefined && (
            <div className="form">
              <Failure error={sql.error} />
              {place !== undefined && (
                <div>
                  <Button icon="right" onClick={() => editor.current?.goTo(place.line, place.column)}>
                    Go to line {place.line}, column {place.column}
                  </Button>
                </div>
              )}
            </div>
          )}
          {sql.answer !== undefined && <SqlResult key={sql.at} answer={sql.answer} query={sql.query} />}
          {sql.answer === undefined && sql.error === undefined && !sql.running && <p className="muted">Nothing was asked yet. Run the query above, or start from an example.</p>}
        </div>
        <aside className="sql-side" aria-label="What there is to ask">
          <section className="panel" aria-labelledby="sql-examples">
            <header>
              <h2 id="sql-examples">Examples</h2>
            </header>
            <ul className="sql-picks">
              {examples.map((example) => (
                <li key={example.title}>
                  <button type="button" className="link" onClick={() => setText(example.query)}>
                    {example.title}
                  </button>
                </li>
              ))}
            </ul>
          </section>
          <SqlTables tables={tables} onInsert={(name) => editor.current?.insert(name)} />
          <Queries history={sql.history} onPick={setText} />
        </aside>
      </div>
    </div>
  )
}

function Queries({ history, onPick }: { history: Ran[]; onPick: (query: string) => void }) {
  return (
    <section className="panel" aria-labelledby="sql-history">
      <header>
        <h2 id="sql-history">Last queries</h2>
        <span className="small muted">of this tab</span>
      </header>
      {history.length === 0 ? (
        <p className="body muted small">None yet. What is run here is listed, to be taken up again.</p>
      ) : (
        <ul className="sql-picks">
          {history.map((each) => (
            <li key={each.query}>
              <button type="button" className="link" onClick={() => onPick(each.query)}>
                <code>{each.query.replaceAll(/\s+/g, ' ').slice(0, 120)}</code>
              </button>
              <span className="small muted">
                {clock(each.at)}, {each.outcome}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
