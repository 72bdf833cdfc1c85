/** What the device is called here. */
import type { TrialRequest } from '../../api/types'
import { LoadEstimate } from '../../components/LoadEstimate'
import type { Plan } from '../../lib/commission'
import { TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { StepPanel } from './Steps'
import type { SetPlan } from './usePlan'

interface Props {
  plan: Plan
  setPlan: SetPlan
  problem: string | undefined
  /** shown where no step before has told the load */
  request: TrialRequest | undefined
  /** its tags come after it, as formulas */
  calculated: boolean
  foot: React.ReactNode
}

export function NameStep({ plan, setPlan, problem, request, calculated, foot }: Props) {
  return (
    <StepPanel title="What is it called?" lead="The name stands in topics, in addresses of the API and in every list. It cannot be the same as another device’s." foot={foot}>
      <div className="panel body-only form">
        <TextField
          label="Name of the device"
          hint="Letters, digits and . _ - such as press-line-2"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={plan.name}
          onChange={(event) => setPlan((before) => ({ ...before, name: event.target.value }))}
          problem={plan.name === '' ? undefined : problem}
        />
        <TextField
          label="Description (optional)"
          hint="What people in the plant call it, and where it stands"
          maxLength={1_000}
          value={plan.description}
          onChange={(event) => setPlan((before) => ({ ...before, description: event.target.value }))}
        />
      </div>
      {calculated && <Notice tone="info" title="Its tags are written next">This device has no machine, so there is nothing to connect to. When it is saved, the page of its first formula opens.</Notice>}
      {request !== undefined && <LoadEstimate request={request} />}
    </StepPanel>
  )
}
