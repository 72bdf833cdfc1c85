/** How the device is reached: the driver's settings or the template's parameters, tried before they are saved. */
import { useState } from 'react'

import type { Spec, TrialRequest } from '../../api/types'
import { TrialOutcome } from '../../components/TrialOutcome'
import { QualityMark } from '../../components/marks'
import { Failure } from '../../components/Failure'
import { SettingsForm } from '../../forms/SettingsForm'
import { useTrialRead } from '../../hooks/useTrialRead'
import { plural } from '../../lib/numbers'
import { problemsOf, type Field, type Settings } from '../../lib/settings'
import { withUnit } from '../../lib/tag'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'
import { StepPanel } from './Steps'
import { TestConnection } from './TestConnection'

interface Props {
  title: string
  /** of the driver; a template's device is tried as a whole */
  spec: Spec | undefined
  fields: Field[]
  example: Settings
  values: Settings
  onChange: (values: Settings) => void
  request: TrialRequest
  renderFoot: (check: () => boolean) => React.ReactNode
}

export function ConnectionStep({ title, spec, fields, example, values, onChange, request, renderFoot }: Props) {
  const [tried, setTried] = useState(false)
  const problems = problemsOf(fields, values)
  const check = () => {
    setTried(true)
    return problems.size === 0
  }
  return (
    <StepPanel title={title} lead={spec === undefined ? undefined : <Prose text={spec.summary} />} foot={renderFoot(check)}>
      {tried && problems.size > 0 && <Notice tone="warn" title={`${plural(problems.size, 'field')} to mend`} />}
      <div className="panel body-only">
        <SettingsForm fields={fields} example={example} values={values} onChange={onChange} problems={tried ? problems : new Map()} />
      </div>
      {spec === undefined ? <TestTemplate request={request} check={check} /> : <TestConnection spec={spec} request={request} check={check} />}
    </StepPanel>
  )
}

/** Reads everything that the template describes. */
function TestTemplate({ request, check }: { request: TrialRequest; check: () => boolean }) {
  const read = useTrialRead(request, 'template', undefined)
  return (
    <section className="panel" aria-labelledby="test-template">
      <header>
        <h3 id="test-template">Test the connection</h3>
      </header>
      <div className="body form">
        <p className="small muted">Connects and reads every tag of the template once. Nothing is saved or written.</p>
        <div>
          <Button
            icon="turning"
            busy={read.busy}
            onClick={() => {
              if (check()) read.readNow()
            }}
          >
            Test connection
          </Button>
        </div>
        <div role="status" className="form">
          {read.error !== null && read.error !== undefined && <Failure error={read.error} />}
          {read.answer !== undefined && (
            <TrialOutcome problem={read.answer.problem} findings={read.answer.findings} frames={read.answer.frames} good={<Notice tone="good" title={`The device answers: ${plural(read.answer.values.length, 'tag')} read`} />} />
          )}
        </div>
      </div>
      {read.answer !== undefined && read.answer.values.length > 0 && (
        <table className="table trial-values">
          <thead>
            <tr>
              <th scope="col">Tag</th>
              <th scope="col">Value</th>
              <th scope="col">Quality</th>
            </tr>
          </thead>
          <tbody>
            {read.answer.values.map((value) => (
              <tr key={`${value.group}/${value.tag}`}>
                <th scope="row">
                  {value.tag}
                  <span className="sub mono">{value.address}</span>
                </th>
                <td>{withUnit(value.text, value.unit)}</td>
                <td>
                  <QualityMark severity={value.quality.severity} stale={false} />
                  {value.quality.severity !== 'good' && <span className="sub">{value.quality.reason}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
