/** How often the tags are read, and what that asks of the link. */
import type { TrialRequest } from '../../api/types'
import { LoadEstimate } from '../../components/LoadEstimate'
import { groupProblem, type Plan } from '../../lib/commission'
import { plural } from '../../lib/numbers'
import { Button } from '../../ui/Button'
import { TextField } from '../../ui/Field'
import { StepPanel } from './Steps'
import type { SetPlan } from './usePlan'

interface Props {
  plan: Plan
  setPlan: SetPlan
  /** groups that the device has already: their intervals stay */
  present: { name: string; interval: string; tags: number }[]
  request: TrialRequest
  foot: React.ReactNode
}

export function GroupsStep({ plan, setPlan, present, request, foot }: Props) {
  const change = (at: number, part: Partial<{ name: string; interval: string }>) =>
    setPlan((before) => {
      const old = before.groups[at]
      if (old === undefined) return before
      const next = { ...old, ...part }
      const groups = before.groups.map((group, index) => (index === at ? next : group))
      const shared = before.groups.filter((group) => group.name === old.name).length > 1
      const picks = part.name === undefined || shared ? before.picks : before.picks.map((pick) => (pick.group === old.name ? { ...pick, group: next.name } : pick))
      return { ...before, groups, picks }
    })
  const unused = present.filter((group) => !plan.groups.some((each) => each.name === group.name))
  const addGroup = (name: string, interval: string) =>
    setPlan((before) => {
      const groups = [...before.groups, { name, interval }]
      // What is put into the group of a device that has it already need not be moved by hand.
      const only = before.groups.length === 1 && present.some((group) => group.name === name) && !present.some((group) => group.name === before.groups[0]?.name)
      return only ? { ...before, groups: [{ name, interval }], picks: before.picks.map((pick) => ({ ...pick, group: name })) } : { ...before, groups }
    })
  return (
    <StepPanel title="How often?" lead="Tags that are read together at one interval make a group. With more than one group, each tag has its group in the list of tags." foot={foot}>
      <div className="form">
        {plan.groups.map((group, at) => {
          const kept = present.find((each) => each.name === group.name)
          const tags = plan.picks.filter((pick) => pick.group === group.name).length
          return (
            // The place in the list is all the identity a group has while its name is typed.
            // oxlint-disable-next-line react/no-array-index-key
            <fieldset className="sub-form group-form" key={at}>
              <legend>
                {plural(tags, 'new tag')}
                {kept !== undefined && `, beside ${plural(kept.tags, 'tag')} that it has`}
              </legend>
              <TextField label="Group" hint="Such as fast, slow or counters" autoComplete="off" autoCapitalize="none" spellCheck={false} value={group.name} onChange={(event) => change(at, { name: event.target.value })} problem={groupProblem({ ...group, interval: kept?.interval ?? group.interval }, plan.groups)} />
              <TextField
                label="Interval"
                hint={kept === undefined ? 'Such as 500ms, 1s, 10s or 5m' : 'The interval that the group has; it is changed in the configuration.'}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                value={kept?.interval ?? group.interval}
                readOnly={kept !== undefined}
                onChange={(event) => change(at, { interval: event.target.value })}
              />
              {plan.groups.length > 1 && (
                <Button
                  kind="quiet"
                  icon="close"
                  whyNot={tags > 0 ? 'Move its tags to another group first, in the step before.' : undefined}
                  onClick={() => setPlan((before) => ({ ...before, groups: before.groups.filter((_, index) => index !== at) }))}
                >
                  Remove<span className="visually-hidden"> group {group.name}</span>
                </Button>
              )}
            </fieldset>
          )
        })}
        <div className="buttons">
          <Button icon="plus" onClick={() => addGroup(freeName(plan), '10s')}>
            Add a group
          </Button>
          {unused.map((group) => (
            <Button key={group.name} icon="plus" onClick={() => addGroup(group.name, group.interval)}>
              Use the group {group.name}, every {group.interval}
            </Button>
          ))}
        </div>
      </div>
      <LoadEstimate request={request} />
    </StepPanel>
  )
}

function freeName(plan: Plan): string {
  const names = ['slow', 'fast', 'counters', 'settings']
  return names.find((name) => !plan.groups.some((group) => group.name === name)) ?? `group-${plan.groups.length + 1}`
}
