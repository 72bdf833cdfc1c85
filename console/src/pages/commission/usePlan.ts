/** The plan of a device or of tags for one, kept in the tab's store so that an ended session does not cost it. */
import { useCallback, useState } from 'react'

import { emptyPlan, loadPlan, savePlan, type Plan } from '../../lib/commission'

export type SetPlan = (edit: (plan: Plan) => Plan) => void

export function usePlan(device: string, first: () => Plan = emptyPlan): [Plan, SetPlan, () => void] {
  const [plan, setPlan] = useState<Plan>(() => loadPlan(device) ?? first())
  const edit = useCallback<SetPlan>(
    (change) =>
      setPlan((before) => {
        const next = change(before)
        savePlan(device, next)
        return next
      }),
    [device],
  )
  const forget = useCallback(() => savePlan(device, undefined), [device])
  return [plan, edit, forget]
}
