/** Rules with how each is doing: what goes in and out, what went wrong, what it costs. */
import { Link } from 'react-router'

import type { Rule } from '../api/rules'
import { count } from '../lib/numbers'
import { shareOf } from '../lib/ruleCost'
import { costWords, troubleOf } from '../lib/rules'
import { paths } from '../paths'
import { Prose } from '../ui/Prose'
import { RuleMark, StageMark } from './ruleMarks'
import { Ago } from './Since'

/** For those who may change rules. */
export interface Choosing {
  chosen: ReadonlySet<string>
  onTurn: (names: string[], on: boolean) => void
}

interface Props {
  rules: Rule[]
  choosing: Choosing | undefined
  onLabel: (label: string) => void
}

export function RuleTable({ rules, choosing, onLabel }: Props) {
  const all = choosing !== undefined && rules.every((rule) => choosing.chosen.has(rule.name))
  const some = choosing !== undefined && !all && rules.some((rule) => choosing.chosen.has(rule.name))
  return (
    <table className="table row-cards rules">
      <thead>
        <tr>
          {choosing !== undefined && (
            <th scope="col" className="cell-choose">
              <span className="checkbox">
                <input
                  type="checkbox"
                  aria-label="Choose all of this page"
                  ref={(box) => {
                    if (box !== null) box.indeterminate = some
                  }}
                  checked={all}
                  onChange={() => choosing.onTurn(rules.map((rule) => rule.name), !all)}
                />
              </span>
            </th>
          )}
          <th scope="col">Rule</th>
          <th scope="col" className="rule-state">
            State
          </th>
          <th scope="col" className="number">
            Rows in
          </th>
          <th scope="col" className="number">
            Rows out
          </th>
          <th scope="col" className="number rule-few">
            Late
          </th>
          <th scope="col" className="number rule-few">
            Errors
          </th>
          <th scope="col" className="number">
            Last output
          </th>
          <th scope="col" className="number">
            Cost
          </th>
        </tr>
      </thead>
      <tbody>
        {rules.map((rule) => (
          <Row key={rule.name} rule={rule} choosing={choosing} onLabel={onLabel} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ rule, choosing, onLabel }: Omit<Props, 'rules'> & { rule: Rule }) {
  const trouble = troubleOf(rule)
  const text = rule.text ?? ''
  const [now, whole] = costWords(shareOf(rule.name), rule.busy_seconds)
  const chosen = choosing?.chosen.has(rule.name) === true
  return (
    <tr className={chosen ? 'chosen' : ''}>
      {choosing !== undefined && (
        <td className="cell-choose">
          <label className="checkbox">
            <input type="checkbox" checked={chosen} onChange={() => choosing.onTurn([rule.name], !chosen)} aria-label={`Choose ${rule.name}`} />
          </label>
        </td>
      )}
      <th scope="row" className="rule-name">
        <Link to={paths.rule(rule.name)}>{rule.name}</Link>
        {text !== '' && <span className="sub">{text}</span>}
        {rule.labels.length > 0 && (
          <span className="rule-labels">
            {rule.labels.map((label) => (
              <button key={label} type="button" className="link" aria-label={`Only rules with the label ${label}`} onClick={() => onLabel(label)}>
                {label}
              </button>
            ))}
          </span>
        )}
      </th>
      <td className="rule-state">
        <span className="rule-marks">
          <StageMark stage={rule.stage} /> <RuleMark state={rule.state} />
        </span>
        {trouble !== undefined && (
          <span className={`rule-trouble ${trouble.tone}`}>
            <Prose text={trouble.problem} />
          </span>
        )}
        {trouble !== undefined && (
          <span className="sub">
            <Prose text={trouble.remedy} />
          </span>
        )}
      </td>
      <td className="number" data-label="rows in">
        {count(rule.rows_in)}
      </td>
      <td className="number" data-label="rows out">
        {count(rule.rows_out)}
      </td>
      <td className="number" data-label="late">
        {count(rule.rows_late)}
      </td>
      <td className="number" data-label="errors">
        {rule.errors > 0 ? <strong className="rule-errors">{count(rule.errors)}</strong> : '0'}
      </td>
      <td className="number" data-label="last output">
        <Ago time={rule.last_output ?? undefined} />
      </td>
      <td className="number" data-label="cost">
        {now}
        <span className="sub">{whole}</span>
      </td>
    </tr>
  )
}
