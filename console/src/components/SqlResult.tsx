/** The answer to a query: rows with exact texts, and a chart where they have times. */
import { useMutation } from '@tanstack/react-query'
import { memo, useMemo, useState } from 'react'

import { api } from '../api/client'
import type { SqlTextAnswer } from '../api/history'
import { useSize } from '../hooks/useSize'
import { copied } from '../lib/copy'
import { download } from '../lib/download'
import { count, plural } from '../lib/numbers'
import { chartOf, chartedMost, csvOfAnswer, tabbed } from '../lib/sql'
import { duration, momentMs } from '../lib/time'
import { indexAt, type View } from '../lib/trend'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Failure } from './Failure'
import { TrendChart } from './TrendChart'

const rowsAtOnce = 500
const rowsMost = 100_000

/** Does not follow what is typed. */
export const SqlResult = memo(function SqlResult({ answer, query }: { answer: SqlTextAnswer; query: string }) {
  const [as, setAs] = useState<'table' | 'chart'>('table')
  const chart = useMemo(() => chartOf(answer), [answer])
  const [said, setSaid] = useState('')
  const all = useMutation({
    mutationFn: async () => (answer.truncated ? (await api.sqlFile({ query, rows: rowsMost })).content : new Blob([csvOfAnswer(answer)], { type: 'text/csv' })),
    onSuccess: (file) => download('query.csv', file),
  })
  return (
    <section className="panel sql-result" aria-labelledby="sql-result">
      <header>
        <h2 id="sql-result">
          {plural(answer.rows.length, 'row')}
          {answer.truncated && ', and more'}
          <span className="small muted"> in {duration(answer.elapsed_ms)}</span>
        </h2>
        <div className="buttons">
          {chart !== undefined && (
            <fieldset className="segments">
              <legend className="visually-hidden">Show the result as</legend>
              {(['table', 'chart'] as const).map((each) => (
                <label key={each}>
                  <input type="radio" name="result" checked={as === each} onChange={() => setAs(each)} />
                  <span>{each === 'table' ? 'Table' : 'Chart'}</span>
                </label>
              ))}
            </fieldset>
          )}
          <Button onClick={() => void copied(tabbed(answer)).then((done) => setSaid(done ? `${plural(answer.rows.length, 'row')} copied.` : 'The browser does not allow copying; download instead.'))}>Copy</Button>
          <Button icon="download" busy={all.isPending} onClick={() => all.mutate()}>
            Download CSV
          </Button>
        </div>
      </header>
      <div role="status" className={said === '' && !answer.truncated && all.error === null ? '' : 'body form'}>
        {said !== '' && <p className="small">{said}</p>}
        {answer.truncated && (
          <Notice tone="info" title={`Only the first ${count(answer.rows.length)} rows are shown`}>
            <span>There are more. Allow more rows beside Run, ask for a shorter range, or download them: up to {count(rowsMost)}.</span>
          </Notice>
        )}
        {all.error !== null && <Failure error={all.error} />}
      </div>
      {as === 'chart' && chart !== undefined ? <ResultChart chart={chart} /> : <Rows answer={answer} />}
    </section>
  )
})

/** Rows as a table that scrolls by itself. */
export function Rows({ answer, label = 'Rows of the result', none = 'No row matches. Are the names right, and does the range reach back far enough?' }: { answer: SqlTextAnswer; label?: string; none?: string }) {
  const [most, setMost] = useState(rowsAtOnce)
  if (answer.rows.length === 0) return <p className="body">{none}</p>
  return (
    <>
      {/* Scrolled by keys as well. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="sql-rows" role="region" aria-label={label} tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col" className="number">
                <span className="visually-hidden">Row</span>
              </th>
              {answer.columns.map((column, index) => (
                // Columns of a result may have one name twice.
                // oxlint-disable-next-line react/no-array-index-key
                <th key={index} scope="col" className={column.numeric ? 'number' : undefined}>
                  {column.name}
                  <span className="sub">{column.type}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.rows.slice(0, most).map((cells, row) => (
              // Rows have no name; they never move.
              // oxlint-disable-next-line react/no-array-index-key
              <tr key={row}>
                <td className="number row-number">{count(row + 1)}</td>
                {cells.map((cell, index) => (
                  // oxlint-disable-next-line react/no-array-index-key
                  <td key={index} className={answer.columns[index]?.numeric === true ? 'number' : undefined}>
                    {cell === null ? <em className="null">null</em> : cell === '' ? <em className="null">empty</em> : cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {answer.rows.length > most && (
        <div className="body">
          <Button onClick={() => setMost(most + 2_000)}>
            Show more: {count(most)} of {count(answer.rows.length)} are listed
          </Button>
        </div>
      )}
    </>
  )
}

const never = () => Infinity

export function ResultChart({ chart }: { chart: NonNullable<ReturnType<typeof chartOf>> }) {
  const [ref, width] = useSize<HTMLDivElement>()
  const whole: View = { from: chart.from, to: chart.to }
  const [view, setView] = useState(whole)
  const [cursor, setCursor] = useState<number | undefined>()
  const at = (line: (typeof chart.lines)[number]) => line.series.samples[indexAt(line.series.times, cursor ?? view.to)]
  const reading = cursor === undefined ? '' : `${momentMs(cursor)}: ${chart.lines.map((line) => `${line.name} ${at(line)?.text ?? 'null'}`).join('; ')}`
  return (
    <div className="body form">
      <div ref={ref}>
        <TrendChart lines={chart.lines} width={width} view={view} current={() => view} now={never} cursor={cursor} reading={reading} onCursor={setCursor} onView={setView} />
      </div>
      <table className="table plain">
        <caption className="small muted">{cursor === undefined ? 'Last row of the range shown' : momentMs(cursor)}</caption>
        <tbody>
          {chart.lines.map((line) => (
            <tr key={line.number}>
              <th scope="row" className="trend-name">
                <span className={`trend-number trace-${line.number}`}>{line.number}</span>
                {line.name}
              </th>
              <td className="number">{at(line)?.text ?? <em className="null">null</em>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {chart.left > 0 && <p className="small muted">The first {chartedMost} columns of numbers are drawn; {chart.left} are not.</p>}
      <div>
        <Button onClick={() => setView(whole)} whyNot={view.from === whole.from && view.to === whole.to ? 'All of it is shown.' : undefined}>
          Show all
        </Button>
      </div>
    </div>
  )
}
