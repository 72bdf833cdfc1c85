/** What a formula gives now, and of which values, before it is part of the configuration. */
import { useId } from 'react'
import { Link } from 'react-router'

import type { FormulaInput } from '../api/rules'
import type { FormulaState } from '../hooks/useFormulaCheck'
import { withUnit } from '../lib/tag'
import { paths } from '../paths'
import { Prose } from '../ui/Prose'
import { QualityMark } from './marks'

interface Props {
  device: string
  check: FormulaState
  unit: string
  type: string
}

export function FormulaPreview({ device, check, unit, type }: Props) {
  const id = useId()
  const { result } = check
  const gives = result !== undefined && result.findings.length === 0 ? result : undefined
  const quality = gives?.quality ?? undefined
  const reason = gives?.reason ?? quality?.reason ?? ''
  return (
    <section className="panel formula-preview" aria-labelledby={id}>
      <header>
        <h2 id={id}>Now</h2>
        <span className="small muted">Computed anew every 2 s. Nothing is saved.</span>
      </header>
      <div className="body form">
        {gives === undefined && <p className="muted">{result === undefined ? 'The value appears here while you write.' : 'No value: mend the formula first.'}</p>}
        {gives !== undefined && (
          <div>
            <div className="current-value" role="group" aria-label="Value of the formula">
              <span className="value">{withUnit(gives.text, unit)}</span>
            </div>
            <div className="current-state">
              {quality !== undefined && <QualityMark severity={quality.severity} stale={false} />}
              <span className="muted">{type}</span>
            </div>
            {quality !== undefined && quality.severity !== 'good' && reason !== '' && (
              <p className={`quality-reason ${quality.severity}`}>
                <Prose text={reason} />.
              </p>
            )}
          </div>
        )}
      </div>
      {gives !== undefined && gives.inputs.length > 0 && <Inputs device={device} inputs={gives.inputs} />}
      {gives !== undefined && gives.inputs.length === 0 && <p className="body muted">It reads no tag: the value is always the same.</p>}
    </section>
  )
}

function Inputs({ device, inputs }: { device: string; inputs: FormulaInput[] }) {
  return (
    <table className="table formula-inputs">
      <caption className="visually-hidden">Tags that the formula reads</caption>
      <thead>
        <tr>
          <th scope="col">Reads</th>
          <th scope="col" className="number">
            Value
          </th>
          <th scope="col">Quality</th>
        </tr>
      </thead>
      <tbody>
        {inputs.map((input) => (
          <tr key={`${input.device}/${input.tag}`}>
            <th scope="row">
              <Link to={paths.tag(input.device, input.tag)}>{input.device === device ? input.tag : `${input.device}/${input.tag}`}</Link>
              {input.may_be_bad && <span className="sub">may be bad</span>}
            </th>
            <td className="number">{withUnit(input.text, input.unit ?? undefined)}</td>
            <td>
              <QualityMark severity={input.quality.severity} stale={false} />
              {input.quality.severity !== 'good' && <span className="sub">{input.quality.reason}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
