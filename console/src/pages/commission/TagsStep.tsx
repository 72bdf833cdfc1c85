/** Which tags: browsed, seen among registers, or written by hand; named and read once before they are saved. */
import { useMemo, useState } from 'react'

import type { BrowseNode, Spec, TrialRequest } from '../../api/types'
import { BrowseTree } from '../../components/BrowseTree'
import { Failure } from '../../components/Failure'
import { PickedTags, tagFindings } from '../../components/PickedTags'
import { RegisterViewer } from '../../components/RegisterViewer'
import { TrialOutcome } from '../../components/TrialOutcome'
import { useTrialRead } from '../../hooks/useTrialRead'
import { deviceOf, pickOf, pickProblems, withPicks, type NewPick, type Plan } from '../../lib/commission'
import { count, plural } from '../../lib/numbers'
import { clock } from '../../lib/time'
import { Button } from '../../ui/Button'
import { Prose } from '../../ui/Prose'
import { StepPanel } from './Steps'
import type { SetPlan } from './usePlan'

interface Props {
  plan: Plan
  setPlan: SetPlan
  spec: Spec
  /** names that the device has already */
  taken: ReadonlySet<string>
  /** the device without groups, and its templates */
  request: TrialRequest
  foot: React.ReactNode
}

type Way = 'browse' | 'registers' | 'hand'

const wayNames: Record<Way, string> = { browse: 'Browse the device', registers: 'Look at registers', hand: 'Write addresses' }

/** A read of more tags at once is for the running edge, not for a look. */
const readMax = 200

export function TagsStep({ plan, setPlan, spec, taken, request, foot }: Props) {
  const modbus = spec.name.startsWith('modbus')
  const ways: Way[] = [...(spec.abilities.includes('browse') ? ['browse' as const] : []), ...(modbus ? ['registers' as const] : []), 'hand']
  const [way, setWay] = useState<Way>(ways[0] ?? 'hand')
  const addresses = useMemo(() => new Set(plan.picks.map((pick) => pick.address)), [plan.picks])
  const typed = useMemo(() => new Set(plan.picks.map((pick) => `${pick.address} ${pick.type}`)), [plan.picks])
  const add = (picks: NewPick[], paths: string[][]) => setPlan((before) => withPicks(before, picks, paths, taken))
  const drop = (gone: string[]) => setPlan((before) => ({ ...before, picks: before.picks.filter((pick) => !gone.includes(pick.address)) }))
  return (
    <StepPanel title="Which tags?" lead="Pick what you need. Names are proposed and can be changed below; every tag can be read once before it is saved." foot={foot}>
      <section className="panel" aria-label="Find tags">
        <header>
          <fieldset className="segments">
            <legend className="visually-hidden">How to find tags</legend>
            {ways.map((each) => (
              <label key={each}>
                <input type="radio" name="way" checked={way === each} onChange={() => setWay(each)} />
                <span>{wayNames[each]}</span>
              </label>
            ))}
          </fieldset>
        </header>
        <div className="body">
          {way === 'browse' && (
            <BrowseTree
              request={request}
              picked={addresses}
              onPick={(nodes: BrowseNode[], paths) => add(nodes.map(pickOf), paths)}
              onDrop={drop}
            />
          )}
          {way === 'registers' && (
            <RegisterViewer request={request} byteOrder={String(plan.settings['byte_order'] ?? 'ABCD')} picked={typed} onPick={(pick) => add([pick], [[pick.name]])} />
          )}
          {way === 'hand' && <ByHand spec={spec} onAdd={(address, type) => add([{ name: nameFrom(address), address, type }], [[nameFrom(address)]])} />}
        </div>
      </section>
      <Picked plan={plan} setPlan={setPlan} spec={spec} taken={taken} request={request} />
    </StepPanel>
  )
}

/** `holding:100.3` → `holding_100_3`, as a first name. */
function nameFrom(address: string): string {
  return address === '' ? 'new_tag' : address.replace(/[^\p{L}\p{N}]+/gu, '_')
}

function ByHand({ spec, onAdd }: { spec: Spec; onAdd: (address: string, type: string) => void }) {
  const type = spec.data_types.includes('float64') ? 'float64' : (spec.data_types[0] ?? '')
  return (
    <div className="form">
      <div>
        <Button icon="plus" kind="primary" onClick={() => onAdd('', '')}>
          Add a tag
        </Button>
      </div>
      <details className="address-help" open>
        <summary>How addresses of {spec.name} are written</summary>
        <dl className="settings-list">
          {spec.addresses.map((form) => (
            <div key={form.form}>
              <dt>
                <code>{form.form}</code>
                <Button kind="quiet" icon="plus" onClick={() => onAdd(form.example, type)}>
                  <code>{form.example}</code>
                  <span className="visually-hidden"> add a tag with this address</span>
                </Button>
              </dt>
              <dd>
                <Prose text={form.meaning} />
              </dd>
            </div>
          ))}
        </dl>
        <p className="small muted">Types: {spec.data_types.join(', ')}.</p>
      </details>
    </div>
  )
}

function Picked({ plan, setPlan, spec, taken, request }: Omit<Props, 'foot'>) {
  const [repeat, setRepeat] = useState(false)
  const problems = pickProblems(plan, taken)
  const readable = plan.picks.filter((pick) => !problems.has(pick.key)).slice(0, readMax)
  const device = deviceOf({ ...plan, picks: readable })
  const read = useTrialRead({ ...request, device: { ...(request.device as object), groups: device.groups ?? [] } }, 'picks', repeat && readable.length > 0 ? 3_000 : undefined)
  const findings = tagFindings(read.answer?.findings ?? [], plan)
  const bad = [...read.values.values()].filter((value) => value.quality.severity === 'bad').length
  return (
    <section className="panel" aria-labelledby="picked">
      <header>
        <h3 id="picked">{plan.picks.length === 0 ? 'No tags yet' : plural(plan.picks.length, 'tag')}</h3>
        <span className="small muted" role="status">
          {problems.size > 0 && `${plural(problems.size, 'tag')} to mend. `}
          {read.at > 0 && read.answer !== undefined && `Read at ${clock(read.at)}: ${count(read.values.size - bad)} with a value${bad > 0 ? `, ${bad} bad` : ''}.`}
        </span>
      </header>
      {plan.picks.length === 0 ? (
        <p className="body">Pick tags above: they are listed here, with a name that you can change and a value to check.</p>
      ) : (
        <>
          <div className="filters">
            <Button icon="turning" busy={read.busy && !repeat} onClick={read.readNow} whyNot={readable.length === 0 ? 'Mend the tags first.' : undefined}>
              Read these tags
            </Button>
            <label className="checkbox">
              <input type="checkbox" checked={repeat} onChange={(event) => setRepeat(event.target.checked)} />
              Keep reading
            </label>
            <Button kind="quiet" icon="close" onClick={() => setPlan((before) => ({ ...before, picks: [] }))}>
              Leave out all
            </Button>
            {plan.picks.length > readMax && <span className="small muted">The first {readMax} are read.</span>}
          </div>
          {(read.error !== null && read.error !== undefined) || read.answer !== undefined ? (
            <div className="body form">
              {read.error !== null && read.error !== undefined && <Failure error={read.error} />}
              {read.answer !== undefined && <TrialOutcome problem={read.answer.problem} findings={read.answer.findings} frames={read.answer.frames} />}
            </div>
          ) : null}
          <PickedTags plan={plan} spec={spec} problems={problems} findings={findings} values={read.values} onChange={(picks) => setPlan((before) => ({ ...before, picks }))} />
        </>
      )}
    </section>
  )
}
