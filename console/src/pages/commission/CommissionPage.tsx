/** A new device, from its protocol to its first values, in steps of which each can be tried. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useNavigate, useSearchParams } from 'react-router'
import { parse } from 'yaml'

import { componentsQuery, configQuery, templatesQuery } from '../../api/queries'
import type { Spec, TrialRequest } from '../../api/types'
import { NeedsRole } from '../../components/NeedsRole'
import { PageHead } from '../../components/PageHead'
import { ReviewEdit } from '../../forms/ReviewEdit'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { deviceOf, emptyPlan, groupProblem, groupsOf, pickProblems, type Plan } from '../../lib/commission'
import { deviceNames, emptyDocument, templatesIn, withDevice, withTemplate } from '../../lib/document'
import { isCalculated } from '../../lib/formula'
import { nameProblem } from '../../lib/naming'
import { plural } from '../../lib/numbers'
import { fieldsOf, problemsOf, type Field, type Settings } from '../../lib/settings'
import { parameterFields, templateForm } from '../../lib/templates'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { ConnectionStep } from './ConnectionStep'
import { GroupsStep } from './GroupsStep'
import { NameStep } from './NameStep'
import { SourceStep } from './SourceStep'
import { StepFoot, StepList, useStep, type Step } from './Steps'
import { TagsStep } from './TagsStep'
import { usePlan } from './usePlan'

const nobody: ReadonlySet<string> = new Set()

export function CommissionPage() {
  useTitle('Add a device')
  const me = useMe()
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const running = useSuspenseQuery(configQuery).data
  const { drivers } = useSuspenseQuery(componentsQuery).data
  const [plan, setPlan, forget] = usePlan('', () => ({ ...emptyPlan(), ...fromAddress(search) }))
  const [reviewing, setReviewing] = useState(false)
  const text = running?.text ?? emptyDocument(me.edge)
  const names = useMemo(() => deviceNames(text), [text])
  const template = useTemplate(plan.template, text)
  const spec = drivers.find((each) => each.name === (plan.source === 'template' ? template?.driver : plan.driver))
  const fields = useMemo(
    () => (plan.source === 'template' ? parameterFields(template?.parameters ?? [], template?.form) : spec === undefined ? [] : fieldsOf(spec.settings)),
    [plan.source, spec, template],
  )
  const steps = stepsOf(plan, spec, template !== undefined, problemsOf(fields, plan.source === 'template' ? plan.parameters : plan.settings).size, names)
  const [step, go] = useStep(steps)
  const calculated = plan.source === 'driver' && isCalculated(plan.driver)
  const templates = plan.source === 'template' && template?.form !== undefined ? [...templatesIn(text).filter((each) => each['name'] !== plan.template), template.form] : undefined
  const request: TrialRequest = { device: deviceOf(plan), ...(templates === undefined ? {} : { templates }) }
  const bare: TrialRequest = { ...request, device: { ...deviceOf(plan, []), groups: [] } }
  const foot = { steps, current: step, go }
  const missing = steps.find((each) => each.missing !== undefined)?.missing
  const startOver = () => {
    forget()
    setPlan(() => emptyPlan())
    go('source')
  }
  const settle = (values: Settings) => setPlan((before) => (before.source === 'template' ? { ...before, parameters: values } : { ...before, settings: values }))

  return (
    <div className="page commission">
      <PageHead
        above={[[paths.overview, 'Overview']]}
        title="Add a device"
        lead={step.key === 'source' ? '' : `${plan.source === 'template' ? `Template ${plan.template}` : plan.driver}${plan.picks.length > 0 ? `, ${plural(plan.picks.length, 'tag')}` : ''}. Nothing is saved before the review.`}
      >
        {(plan.driver !== '' || plan.template !== '') && (
          <Button kind="quiet" icon="close" onClick={startOver}>
            Start over
          </Button>
        )}
      </PageHead>
      <NeedsRole needed="engineer" what="Adding a device">
        <StepList steps={steps} current={step} />
        {step.key === 'source' && (
          <SourceStep
            plan={plan}
            onDriver={(driver) => setPlan((before) => (before.source === 'driver' && before.driver === driver ? before : { ...emptyPlan(), driver }))}
            onTemplate={(name) => setPlan((before) => (before.source === 'template' && before.template === name ? before : { ...emptyPlan(), source: 'template', template: name }))}
            foot={<StepFoot {...foot} />}
          />
        )}
        {step.key === 'connection' && (
          <ConnectionStep
            key={plan.source === 'template' ? plan.template : plan.driver}
            title="How is it reached?"
            spec={plan.source === 'template' ? undefined : spec}
            fields={fields}
            example={plan.source === 'template' || spec === undefined ? allOf(fields) : exampleOf(spec)}
            values={plan.source === 'template' ? plan.parameters : plan.settings}
            onChange={settle}
            request={plan.source === 'template' ? request : bare}
            renderFoot={(check) => <StepFoot {...foot} before={check} />}
          />
        )}
        {step.key === 'tags' && spec !== undefined && <TagsStep plan={plan} setPlan={setPlan} spec={spec} taken={nobody} request={bare} foot={<StepFoot {...foot} />} />}
        {step.key === 'groups' && <GroupsStep plan={plan} setPlan={setPlan} present={[]} request={request} foot={<StepFoot {...foot} />} />}
        {step.key === 'name' && (
          <NameStep
            plan={plan}
            setPlan={setPlan}
            problem={deviceNameProblem(plan.name, names)}
            request={plan.source === 'template' ? request : undefined}
            calculated={calculated}
            foot={
              <StepFoot
                {...foot}
                next={
                  <Button kind="primary" onClick={() => setReviewing(true)} whyNot={missing}>
                    Review and save
                  </Button>
                }
              />
            }
          />
        )}
      </NeedsRole>
      {reviewing && (
        <ReviewEdit
          edit={(now) => {
            const before = now?.text ?? emptyDocument(me.edge)
            const known = plan.source !== 'template' || templatesIn(before).some((each) => each['name'] === plan.template)
            return withDevice(known ? before : withTemplate(before, template?.document ?? ''), { ...deviceOf(plan), groups: groupsOf(plan).length > 0 || plan.source === 'driver' ? groupsOf(plan) : undefined })
          }}
          comment={`Add ${plan.name}`}
          to={calculated ? paths.newFormula(plan.name) : paths.device(plan.name)}
          back={paths.overview}
          onClose={() => setReviewing(false)}
          onSaved={forget}
        />
      )}
      {step.key === 'source' && (
        <p className="small muted">
          Many devices at once? <Link to={paths.importing}>Import a table</Link>. Prefer to write?{' '}
          <button type="button" className="link" onClick={() => void navigate(paths.config)}>
            Edit the configuration as text
          </button>
          .
        </p>
      )}
    </div>
  )
}

/** `?driver=…` and `?template=…` choose for the reader, as the page of templates does. */
function fromAddress(search: URLSearchParams): Partial<Plan> {
  const template = search.get('template')
  if (template !== null) return { source: 'template', template }
  return { driver: search.get('driver') ?? '' }
}

export function exampleOf(spec: Spec): Settings {
  const example: unknown = parse(spec.example)
  return typeof example === 'object' && example !== null ? (example as Settings) : {}
}

/** A template asks for little: all of it is shown at once. */
export function allOf(fields: Field[]): Settings {
  return Object.fromEntries(fields.map((field) => [field.name, undefined]))
}

/** The template as the document has it, else as the library does. */
function useTemplate(name: string, text: string) {
  const templates = useQuery(templatesQuery).data
  return useMemo(() => {
    if (name === '') return undefined
    const own = templatesIn(text).find((each) => each['name'] === name)
    const used = templates?.used.find((each) => each.name === name)
    const library = templates?.library.find((each) => each.name === name)
    if (own !== undefined) return { driver: used?.driver ?? String(own['driver'] ?? ''), parameters: [], form: own, document: '' }
    if (library === undefined) return undefined
    return { driver: library.driver, parameters: library.parameters, form: templateForm(library.document), document: library.document }
  }, [name, text, templates])
}

function deviceNameProblem(name: string, names: string[]): string | undefined {
  return nameProblem(name) ?? (names.includes(name) ? 'There is a device of this name already.' : undefined)
}

function stepsOf(plan: Plan, spec: Spec | undefined, template: boolean, wrong: number, names: string[]): Step[] {
  const chosen = plan.source === 'template' ? template : spec !== undefined
  const source: Step = { key: 'source', title: 'Kind', missing: chosen ? undefined : 'Choose a driver or a template first.' }
  const connection: Step = { key: 'connection', title: 'Connection', missing: wrong > 0 ? `Fill in ${plural(wrong, 'field')} of the connection first.` : undefined }
  const name: Step = { key: 'name', title: 'Name and save', missing: deviceNameProblem(plan.name, names) }
  if (plan.source === 'template') return [source, connection, name]
  // Nothing to connect to, and no addresses: its tags are formulas, written once it is there.
  if (isCalculated(plan.driver)) return [source, name]
  const bad = pickProblems(plan, nobody).size
  const tags: Step = { key: 'tags', title: 'Tags', missing: plan.picks.length === 0 ? 'Pick at least one tag first.' : bad > 0 ? `Mend ${plural(bad, 'tag')} first.` : undefined }
  const groups: Step = { key: 'groups', title: 'Interval', missing: plan.groups.map((group) => groupProblem(group, plan.groups)).find((problem) => problem !== undefined) }
  return [source, connection, tags, groups, name]
}
