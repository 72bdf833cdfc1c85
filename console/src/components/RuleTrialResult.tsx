/** What a trial of a rule gave: rows, what it would have raised and written, and how that differs from what runs. */
import { useMemo, useState } from 'react'

import type { RuleColumn, RuleDifference, RuleTrial } from '../api/rules'
import { count, plural } from '../lib/numbers'
import { comparedWords, trialWords } from '../lib/ruleTrial'
import { answerOf, exact } from '../lib/rules'
import { chartOf } from '../lib/sql'
import { momentMs } from '../lib/time'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'
import { ResultChart, Rows } from './SqlResult'

export function RuleTrialResult({ trial }: { trial: RuleTrial }) {
  const [as, setAs] = useState<'table' | 'chart'>('table')
  const answer = useMemo(() => answerOf(trial.columns, trial.rows, { truncated: trial.truncated, elapsedMs: trial.seconds * 1_000 }), [trial])
  const chart = useMemo(() => chartOf(answer), [answer])
  return (
    <div className="rule-trial-result">
      <div className="rule-trial-head">
        <h3>{trialWords(trial)}</h3>
        {chart !== undefined && (
          <fieldset className="segments">
            <legend className="visually-hidden">Show the rows as</legend>
            {(['table', 'chart'] as const).map((each) => (
              <label key={each}>
                <input type="radio" name="trial-rows" checked={as === each} onChange={() => setAs(each)} />
                <span>{each === 'table' ? 'Table' : 'Chart'}</span>
              </label>
            ))}
          </fieldset>
        )}
      </div>
      <div className="body form">
        <Remarks trial={trial} />
        {trial.compared != null && (
          <section aria-labelledby="trial-compared" className="form">
            <h3 id="trial-compared">Against the live rule</h3>
            <p>{comparedWords(trial.compared)}</p>
            {trial.compared.first_difference != null && <Difference difference={trial.compared.first_difference} columns={trial.columns} />}
          </section>
        )}
        <Done trial={trial} />
      </div>
      {as === 'chart' && chart !== undefined ? <ResultChart chart={chart} /> : <Rows answer={answer} label="Rows of the trial" none="No row came out. Are the names right, does a condition ever hold, and has the range values?" />}
    </div>
  )
}

function Remarks({ trial }: { trial: RuleTrial }) {
  const { errors, last_error: last, rows_late: late } = trial
  return (
    <>
      {errors > 0 && (
        <Notice tone="bad" title={`${plural(errors, 'error')} on the way`}>
          {last != null && (
            <span>
              The last at {momentMs(last.time)}: <Prose text={last.text} />
            </span>
          )}
          <span>Such rows give nothing. Let the SQL take such values into account, and try again.</span>
        </Notice>
      )}
      {late > 0 && (
        <Notice tone="warn" title={`${plural(late, 'row')} came too late for its window`}>
          <span>They were left out. A longer lateness waits for them.</span>
        </Notice>
      )}
      {trial.lookups.length > 0 && (
        <Notice tone="info" title={`Looked up in ${trial.lookups.join(', ')} as ${trial.lookups.length === 1 ? 'it is' : 'they are'} now`}>
          <span>What the rows were at the time of the samples is not known.</span>
        </Notice>
      )}
      {trial.truncated && (
        <Notice tone="info" title={`Only the first ${count(trial.rows.length)} rows are listed`}>
          <span>All were counted. Take a shorter range to see the others.</span>
        </Notice>
      )}
    </>
  )
}

const listed = 100

function Done({ trial }: { trial: RuleTrial }) {
  const { alarms, writes } = trial
  return (
    <div className="rule-done">
      <section aria-labelledby="trial-alarms">
        <h3 id="trial-alarms">{alarms.length === 0 ? 'No alarm would have been raised' : `${plural(alarms.filter((each) => each.change === 'raised').length, 'alarm')} would have been raised`}</h3>
        <ul className="plain-list rule-done-list">
          {alarms.slice(0, listed).map((each) => (
            <li key={`${each.time} ${each.column} ${each.change}`}>
              <time dateTime={each.time}>{momentMs(each.time)}</time> <code>{each.column}</code> {each.change === 'raised' ? 'raised' : 'over'}
            </li>
          ))}
          {alarms.length > listed && <li className="muted">and {count(alarms.length - listed)} more changes</li>}
        </ul>
      </section>
      <section aria-labelledby="trial-writes">
        <h3 id="trial-writes">{writes.length === 0 ? 'Nothing would have been written' : `${plural(writes.length, 'value')} would have been written`}</h3>
        <ul className="plain-list rule-done-list">
          {writes.slice(0, listed).map((each) => (
            <li key={`${each.time} ${each.tag}`}>
              <time dateTime={each.time}>{momentMs(each.time)}</time> <code>{each.tag}</code> {exact(each.value) ?? 'null'}
            </li>
          ))}
          {writes.length > listed && <li className="muted">and {count(writes.length - listed)} more</li>}
        </ul>
      </section>
    </div>
  )
}

function Difference({ difference, columns }: { difference: RuleDifference; columns: RuleColumn[] }) {
  const words = (values: unknown[] | null) => (values === null ? 'no row' : values.map((value, index) => `${columns[index]?.name ?? index + 1} ${exact(value) ?? 'null'}`).join(', '))
  return (
    <p>
      First at <time dateTime={difference.time}>{momentMs(difference.time)}</time>: this gives {words(difference.trial)}; the live rule {difference.live === null ? 'no row' : `gave ${words(difference.live)}`}.
    </p>
  )
}
