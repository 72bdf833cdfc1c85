/** Tries the settings before anything is saved, and shows what went over the wire. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import type { Finding, Frame, Spec, TrialProblem, TrialRequest } from '../../api/types'
import { Failure } from '../../components/Failure'
import { QualityMark } from '../../components/marks'
import { TrialOutcome } from '../../components/TrialOutcome'
import { duration } from '../../lib/time'
import { withUnit } from '../../lib/tag'
import { Button } from '../../ui/Button'
import { SelectField, TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'

interface Props {
  spec: Spec
  request: TrialRequest
  /** shows what is wrong with the form, and tells whether something is */
  check: () => boolean
}

interface Outcome {
  ok: boolean
  problem: TrialProblem | null
  findings: Finding[]
  frames: Frame[]
  text: string
  value?: React.ReactNode
}

export function TestConnection({ spec, request, check }: Props) {
  const browses = spec.abilities.includes('browse')
  const [address, setAddress] = useState('')
  const [type, setType] = useState('')
  const test = useMutation({
    mutationFn: (): Promise<Outcome> => (browses ? browseTop(request) : readOne(request, address.trim(), type || (spec.data_types[0] ?? 'bool'))),
  })
  const data = test.data
  return (
    <section className="panel" aria-labelledby="test-connection">
      <header>
        <h3 id="test-connection">Test the connection</h3>
      </header>
      <div className="body form">
        <p className="small muted">{browses ? 'Connects and looks at the top of what the device offers.' : 'Connects, and reads one address if you give one.'} Nothing is saved or written.</p>
        {!browses && (
          <div className="two-fields">
            <TextField
              label="Address to read (optional)"
              hint={spec.addresses[0] === undefined ? undefined : `Such as ${spec.addresses[0].example}`}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={address}
              onChange={(event) => setAddress(event.target.value)}
            />
            <SelectField label="As type" value={type} onChange={(event) => setType(event.target.value)}>
              <option value="">{spec.data_types[0]}</option>
              {spec.data_types.slice(1).map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </SelectField>
          </div>
        )}
        <div>
          <Button
            icon="turning"
            busy={test.isPending}
            onClick={() => {
              if (check()) test.mutate()
            }}
          >
            Test connection
          </Button>
        </div>
        <div role="status" className="form">
          {test.isPending && <p className="muted">Trying… it may take as long as the timeouts of the settings.</p>}
          {test.error !== null && <Failure error={test.error} />}
          {data !== undefined && !test.isPending && (
            <TrialOutcome
              problem={data.problem}
              findings={data.findings}
              frames={data.frames}
              good={
                <Notice tone="good" title="The device answers">
                  <span>{data.text}</span>
                  {data.value}
                </Notice>
              }
            />
          )}
        </div>
      </div>
    </section>
  )
}

async function browseTop(request: TrialRequest): Promise<Outcome> {
  const answer = await api.trialBrowse({ ...request, node: '', after: null })
  return { ...answer, text: `It offers ${answer.nodes.map((node) => node.name).slice(0, 6).join(', ') || 'nothing to browse'}.` }
}

async function readOne(request: TrialRequest, address: string, type: string): Promise<Outcome> {
  const tags = address === '' ? [] : [{ name: 'test', address, type }]
  const groups = tags.length === 0 ? [] : [{ name: 'test', interval: '1s', tags }]
  const answer = await api.trialRead({ ...request, device: { ...(request.device as object), groups } })
  const value = answer.values[0]
  const connected = answer.used_running_link ? 'Over the link that runs already. ' : answer.connect_ms === null ? '' : `Connected in ${duration(answer.connect_ms)}. `
  return {
    ...answer,
    text: `${connected}${value === undefined ? 'Give an address to see whether it reads as well.' : ''}`,
    value: value === undefined ? undefined : (
      <span>
        <code>{value.address}</code> reads <strong>{withUnit(value.text, value.unit)}</strong> <QualityMark severity={value.quality.severity} stale={false} />
        {value.quality.severity !== 'good' && ` ${value.quality.reason}`}
      </span>
    ),
  }
}
