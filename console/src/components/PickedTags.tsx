/** The tags that were picked: named, typed and tried before anything is saved. */
import { useState } from 'react'

import type { Finding, Spec, TrialValue } from '../api/types'
import type { Pick, Plan } from '../lib/commission'
import { count, plural } from '../lib/numbers'
import { withUnit } from '../lib/tag'
import { Button, IconButton } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'
import { QualityMark } from './marks'

interface Props {
  plan: Plan
  spec: Spec
  problems: Map<number, { name?: string; address?: string; type?: string }>
  /** findings of the edge on single tags, by name */
  findings: Map<string, Finding>
  values: Map<string, TrialValue>
  onChange: (picks: Pick[]) => void
}

const pageSize = 50

export function PickedTags({ plan, spec, problems, findings, values, onChange }: Props) {
  const [page, setPage] = useState(0)
  const last = Math.max(0, Math.ceil(plan.picks.length / pageSize) - 1)
  const at = Math.min(page, last)
  const shown = plan.picks.slice(at * pageSize, (at + 1) * pageSize)
  const change = (key: number, part: Partial<Pick>) => onChange(plan.picks.map((pick) => (pick.key === key ? { ...pick, ...part } : pick)))
  return (
    <>
      <table className="table picks">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Address</th>
            <th scope="col">Type</th>
            <th scope="col">Unit</th>
            <th scope="col">Access</th>
            {plan.groups.length > 1 && <th scope="col">Group</th>}
            <th scope="col">Value</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((pick) => (
            <PickRow
              key={pick.key}
              pick={pick}
              plan={plan}
              spec={spec}
              problem={problems.get(pick.key)}
              finding={findings.get(pick.name)}
              value={values.get(`${pick.group}/${pick.name}`)}
              onChange={(part) => change(pick.key, part)}
              onRemove={() => onChange(plan.picks.filter((each) => each.key !== pick.key))}
            />
          ))}
        </tbody>
      </table>
      {plan.picks.length > pageSize && (
        <nav className="pager" aria-label="Pages of picked tags">
          <Button icon="left" onClick={() => setPage(at - 1)} whyNot={at === 0 ? 'This is the first page.' : undefined}>
            Previous
          </Button>
          <span className="small">
            {count(at * pageSize + 1)} to {count(Math.min(plan.picks.length, (at + 1) * pageSize))} of {plural(plan.picks.length, 'tag')}
          </span>
          <Button icon="right" onClick={() => setPage(at + 1)} whyNot={at === last ? 'This is the last page.' : undefined}>
            Next
          </Button>
        </nav>
      )}
    </>
  )
}

interface RowProps {
  pick: Pick
  plan: Plan
  spec: Spec
  problem: { name?: string; address?: string; type?: string } | undefined
  finding: Finding | undefined
  value: TrialValue | undefined
  onChange: (part: Partial<Pick>) => void
  onRemove: () => void
}

function PickRow({ pick, plan, spec, problem, finding, value, onChange, onRemove }: RowProps) {
  const what = pick.name === '' ? `tag ${pick.key}` : pick.name
  const types = pick.type === '' || spec.data_types.includes(pick.type) ? spec.data_types : [pick.type, ...spec.data_types]
  const can = spec.abilities.includes('write')
  return (
    <tr>
      <th scope="row" data-label="Name">
        <input className="input" aria-label={`Name of ${what}`} aria-invalid={problem?.name !== undefined || undefined} spellCheck={false} autoCapitalize="none" value={pick.name} onChange={(event) => onChange({ name: event.target.value })} />
        <RowProblem text={problem?.name} />
        {pick.description !== undefined && pick.description !== '' && <span className="sub">{pick.description}</span>}
      </th>
      <td data-label="Address">
        <input className="input mono" aria-label={`Address of ${what}`} aria-invalid={problem?.address !== undefined || finding !== undefined || undefined} spellCheck={false} autoCapitalize="none" value={pick.address} onChange={(event) => onChange({ address: event.target.value })} />
        <RowProblem text={problem?.address} />
        {finding !== undefined && (
          <span className="problem">
            <Icon name="warning" />
            <span>
              <Prose text={finding.problem} /> <Prose text={finding.remedy} />
            </span>
          </span>
        )}
        {pick.scale !== undefined && <span className="sub">scaled by {pick.scale.slope}</span>}
      </td>
      <td data-label="Type">
        <select className="input" aria-label={`Type of ${what}`} aria-invalid={problem?.type !== undefined || undefined} value={pick.type} onChange={(event) => onChange({ type: event.target.value })}>
          <option value="">choose</option>
          {types.map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
        <RowProblem text={problem?.type} />
      </td>
      <td data-label="Unit">
        <input className="input unit-input" aria-label={`Unit of ${what}`} spellCheck={false} value={pick.unit ?? ''} onChange={(event) => onChange({ unit: event.target.value })} />
      </td>
      <td data-label="Access">
        {can && pick.writable !== false ? (
          <select className="input" aria-label={`Access to ${what}`} value={pick.access ?? 'read'} onChange={(event) => onChange({ access: event.target.value })}>
            <option value="read">read</option>
            <option value="read_write">read and write</option>
          </select>
        ) : (
          <span className="muted">read</span>
        )}
      </td>
      {plan.groups.length > 1 && (
        <td data-label="Group">
          <select className="input" aria-label={`Group of ${what}`} value={pick.group} onChange={(event) => onChange({ group: event.target.value })}>
            {plan.groups.map((group) => (
              <option key={group.name} value={group.name}>
                {group.name}
              </option>
            ))}
          </select>
        </td>
      )}
      <td data-label="Value" className="pick-value">
        {value === undefined ? (
          <span className="muted">not read yet</span>
        ) : (
          <>
            <span className="value">{withUnit(value.text, pick.unit)}</span>
            <QualityMark severity={value.quality.severity} stale={false} />
            {value.quality.severity !== 'good' && <span className="sub">{value.quality.reason}</span>}
          </>
        )}
      </td>
      <td className="row-actions">
        <IconButton name="close" label={`Leave out ${what}`} onClick={onRemove} />
      </td>
    </tr>
  )
}

function RowProblem({ text }: { text: string | undefined }) {
  if (text === undefined) return null
  return (
    <span className="problem">
      <Icon name="warning" />
      <span>
        <Prose text={text} />
      </span>
    </span>
  )
}

/** Findings of a trial on single tags, by the tag's name: a path is `…tags[NAME]…` or `…tags[INDEX]…`. */
export function tagFindings(findings: Finding[], plan: Plan): Map<string, Finding> {
  const byName = new Map<string, Finding>()
  for (const finding of findings) {
    const [, group, tag] = /groups\[([^\]]+)\]\.tags\[([^\]]+)\]/.exec(finding.path) ?? []
    if (group === undefined || tag === undefined) continue
    const groupName = plan.groups.find((each) => each.name === group)?.name ?? plan.groups.filter((each) => plan.picks.some((pick) => pick.group === each.name))[Number(group)]?.name
    const inGroup = plan.picks.filter((pick) => pick.group === groupName)
    const pick = inGroup.find((each) => each.name === tag) ?? inGroup[Number(tag)]
    if (pick !== undefined && !byName.has(pick.name)) byName.set(pick.name, finding)
  }
  return byName
}
