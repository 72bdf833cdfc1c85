/** More tags for a device that runs: the same steps as for a new one. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useParams } from 'react-router'

import { componentsQuery } from '../../api/queries'
import { NeedsRole } from '../../components/NeedsRole'
import { Undescribed } from '../../components/Undescribed'
import { ReviewEdit } from '../../forms/ReviewEdit'
import { useConfigText } from '../../hooks/useConfigText'
import { useTitle } from '../../hooks/useTitle'
import { groupProblem, groupsOf, pickProblems } from '../../lib/commission'
import { deviceIn, withTags, type GroupForm } from '../../lib/document'
import { plural } from '../../lib/numbers'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { GroupsStep } from '../commission/GroupsStep'
import { StepFoot, StepList, useStep, type Step } from '../commission/Steps'
import { TagsStep } from '../commission/TagsStep'
import { usePlan } from '../commission/usePlan'
import { DeviceHead, useDevice } from './DeviceHead'
import { firstPlan, presentDevice } from './present'

export function AddTagsPage() {
  const name = useParams()['device'] ?? ''
  useTitle(`Add tags · ${name}`)
  const driver = useDevice(name).driver
  const spec = useSuspenseQuery(componentsQuery).data.drivers.find((each) => each.name === driver)
  const text = useConfigText()
  const present = useMemo(() => presentDevice(text, name), [text, name])
  const [plan, setPlan, forget] = usePlan(name, () => firstPlan(present))
  const [reviewing, setReviewing] = useState(false)
  const taken = present?.names ?? new Set<string>()
  const bad = pickProblems(plan, taken).size
  const steps: Step[] = [
    { key: 'tags', title: 'Tags', missing: plan.picks.length === 0 ? 'Pick at least one tag first.' : bad > 0 ? `Mend ${plural(bad, 'tag')} first.` : undefined },
    { key: 'groups', title: 'Interval and save', missing: plan.groups.map((group) => groupProblem(group, plan.groups)).find((problem) => problem !== undefined) },
  ]
  const [step, go] = useStep(steps)
  const foot = { steps, current: step, go }
  return (
    <div className="page commission">
      <DeviceHead name={name} page="Add tags" />
      <NeedsRole needed="engineer" what="Adding tags">
        {present === undefined || spec === undefined ? (
          <Undescribed what="device" then="add the tags there" />
        ) : (
          <>
            <StepList steps={steps} current={step} />
            {step.key === 'tags' && <TagsStep plan={plan} setPlan={setPlan} spec={spec} taken={taken} request={{ device: present.trial }} foot={<StepFoot {...foot} />} />}
            {step.key === 'groups' && (
              <GroupsStep
                plan={plan}
                setPlan={setPlan}
                present={present.groups}
                request={{ device: { ...present.device, groups: merged(present.device.groups ?? [], groupsOf(plan)) } }}
                foot={
                  <StepFoot
                    {...foot}
                    next={
                      <Button kind="primary" onClick={() => setReviewing(true)} whyNot={steps.find((each) => each.missing !== undefined)?.missing}>
                        Review and save
                      </Button>
                    }
                  />
                }
              />
            )}
          </>
        )}
      </NeedsRole>
      {reviewing && (
        <ReviewEdit
          edit={(running) => {
            const now = running?.text ?? ''
            return deviceIn(now, name) === undefined ? now : withTags(now, name, groupsOf(plan))
          }}
          comment={`Add ${plural(plan.picks.length, 'tag')} to ${name}`}
          to={paths.device(name)}
          back={paths.overview}
          onClose={() => setReviewing(false)}
          onSaved={forget}
        />
      )}
    </div>
  )
}

/** The groups that the device would have, for the estimate. */
function merged(groups: GroupForm[], fresh: GroupForm[]): GroupForm[] {
  const all = groups.map((group) => ({ ...group, tags: [...(group.tags ?? []), ...(fresh.find((each) => each.name === group.name)?.tags ?? [])] }))
  return [...all, ...fresh.filter((group) => !groups.some((each) => each.name === group.name))]
}
