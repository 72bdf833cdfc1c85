/** What a rule gives now, and what it costs, as they come. */
import { useMemo, useState } from 'react'

import type { RuleDetail } from '../api/rules'
import { useSize } from '../hooks/useSize'
import { costs, shareOf } from '../lib/ruleCost'
import { answerOf, costWords } from '../lib/rules'
import { chartOf } from '../lib/sql'
import { momentMs } from '../lib/time'
import { indexAt, type View } from '../lib/trend'
import { Button } from '../ui/Button'
import { Rows } from './SqlResult'
import { TrendChart } from './TrendChart'

export function RuleNewest({ rule }: { rule: RuleDetail }) {
  const { newest } = rule
  const answer = useMemo(() => {
    const known = new Map(rule.columns.map((column) => [column.name, column]))
    const columns = newest.columns.map((name) => known.get(name) ?? { name, data_type: '', unit: '' })
    // The newest first, whichever way they come.
    const rows = newest.rows.toSorted((a, b) => Date.parse(b.time) - Date.parse(a.time))
    return answerOf(columns, rows)
  }, [newest, rule.columns])
  return (
    <section className="panel rule-newest" aria-labelledby="rule-newest">
      <header>
        <h2 id="rule-newest">Newest rows</h2>
        <span className="small muted">{rule.state === 'running' ? 'New ones come by themselves.' : 'The rule does not run.'}</span>
      </header>
      <Rows answer={answer} label="Newest rows of the rule" none={rule.stage === 'draft' ? 'A draft is not run. Try it below, or give it the stage trial.' : 'The rule has given no row since it began.'} />
    </section>
  )
}

export function RuleCost({ rule }: { rule: RuleDetail }) {
  const points = costs(rule.name)
  const answer = answerOf(
    [{ name: 'share of a core', data_type: 'DOUBLE', unit: '%' }],
    points.map(({ at, share }) => ({ time: new Date(at).toISOString(), values: [(share * 100).toFixed(3)] })),
  )
  const chart = chartOf(answer)
  return (
    <section className="panel rule-cost" aria-labelledby="rule-cost">
      <header>
        <h2 id="rule-cost">Cost</h2>
        <span className="small muted">
          {costWords(shareOf(rule.name), rule.busy_seconds).filter((each) => each !== '').join(', ')}
        </span>
      </header>
      {chart === undefined ? <p className="body muted">The chart begins with this page: wait a few seconds.</p> : <CostChart chart={chart} />}
    </section>
  )
}

const never = () => Infinity

/** Grows with every answer; one that was zoomed stays. */
function CostChart({ chart }: { chart: NonNullable<ReturnType<typeof chartOf>> }) {
  const [ref, width] = useSize<HTMLDivElement>()
  const [chosen, setChosen] = useState<View | undefined>()
  const [cursor, setCursor] = useState<number | undefined>()
  const view = chosen ?? { from: chart.from, to: chart.to }
  const [line] = chart.lines
  const sample = line?.series.samples[indexAt(line.series.times, cursor ?? view.to)]
  const reading = cursor === undefined || sample?.text == null ? '' : `${momentMs(cursor)}: ${sample.text} % of a core`
  return (
    <div className="body form">
      <div ref={ref}>
        <TrendChart lines={chart.lines} width={width} view={view} current={() => view} now={never} cursor={cursor} reading={reading} onCursor={setCursor} onView={setChosen} />
      </div>
      <div className="buttons">
        <span className="small muted">{reading === '' ? 'Point at the chart, or use the arrow keys, to read it.' : reading}</span>
        {chosen !== undefined && <Button onClick={() => setChosen(undefined)}>Show all</Button>}
      </div>
    </div>
  )
}
