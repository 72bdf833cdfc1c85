/** A device on its way into the configuration: what was chosen so far, kept for this tab until it is saved. */
import type { BrowseNode } from '../api/types'
import type { DeviceForm, GroupForm, TagForm } from './document'
import { nameProblem, proposeNames, tagNameProblem } from './naming'
import { cleaned, intervalProblem, type Settings } from './settings'
import { loadKept, saveKept } from './tabStore'

/** A tag that was picked and may still be changed. */
export interface Pick extends TagForm {
  address: string
  key: number
  group: string
  /** whether the device says that it can be written */
  writable?: boolean
}

export interface Plan {
  source: 'driver' | 'template'
  driver: string
  template: string
  parameters: Settings
  settings: Settings
  name: string
  description: string
  groups: { name: string; interval: string }[]
  picks: Pick[]
}

export function emptyPlan(): Plan {
  return { source: 'driver', driver: '', template: '', parameters: {}, settings: {}, name: '', description: '', groups: [{ name: 'main', interval: '1s' }], picks: [] }
}

export type NewPick = Omit<Pick, 'key' | 'group'>

/** Adds picks with names of their own, to the first group; what is picked already is not picked again. */
export function withPicks(plan: Plan, fresh: NewPick[], paths: string[][], taken: ReadonlySet<string>): Plan {
  const known = new Set(plan.picks.map(identity))
  const wanted = fresh.map((pick, index) => ({ pick, path: paths[index] ?? [pick.name] })).filter(({ pick }) => pick.address === '' || !known.has(identity(pick)))
  const names = proposeNames(wanted.map(({ path }) => path), new Set([...taken, ...plan.picks.map((pick) => pick.name)]))
  const first = Math.max(0, ...plan.picks.map((pick) => pick.key)) + 1
  const group = plan.groups[0]?.name ?? 'main'
  const picks = wanted.map(({ pick }, index): Pick => ({ ...pick, name: names[index] ?? pick.name, key: first + index, group }))
  return { ...plan, picks: [...plan.picks, ...picks] }
}

/** The same place read as another type is another tag. */
function identity(pick: { address: string; type: string }): string {
  return `${pick.address}\n${pick.type}`
}

export function pickOf(node: BrowseNode): NewPick {
  return {
    name: node.name,
    address: node.address ?? '',
    type: node.type ?? '',
    unit: node.unit ?? undefined,
    description: node.description ?? undefined,
    access: 'read',
    writable: node.write,
  }
}

/** The groups as the document has them; those without tags are left out. */
export function groupsOf(plan: Plan, what: 'filled' | 'all' = 'filled'): GroupForm[] {
  return plan.groups
    .map((group) => ({
      name: group.name,
      interval: group.interval,
      tags: plan.picks.filter((pick) => pick.group === group.name).map(tagOf),
    }))
    .filter((group) => what === 'all' || group.tags.length > 0)
}

export function tagOf(pick: Pick): TagForm {
  const { name, address, type, unit, description, access, scale } = pick
  const tag: TagForm = { name, address, type }
  if (unit !== undefined && unit !== '') tag.unit = unit
  if (scale !== undefined) tag.scale = scale
  if (access !== undefined && access !== 'read') tag.access = access
  if (description !== undefined && description !== '') tag.description = description
  return tag
}

/** The device as the document has it. A trial takes it as well. */
export function deviceOf(plan: Plan, groups = groupsOf(plan)): DeviceForm {
  const device: DeviceForm = { name: plan.name === '' ? 'new-device' : plan.name }
  if (plan.description !== '') device.description = plan.description
  if (plan.source === 'template') {
    device.template = plan.template
    device.parameters = cleaned(plan.parameters)
  } else {
    device.driver = plan.driver
    device.settings = cleaned(plan.settings)
  }
  if (plan.source === 'driver' || groups.length > 0) device.groups = groups
  return device
}

/** What is wrong with the picks, by their key. */
export function pickProblems(plan: Plan, taken: ReadonlySet<string>): Map<number, { name?: string; address?: string; type?: string }> {
  const counts = new Map<string, number>()
  for (const pick of plan.picks) counts.set(pick.name, (counts.get(pick.name) ?? 0) + 1)
  const problems = new Map<number, { name?: string; address?: string; type?: string }>()
  for (const pick of plan.picks) {
    const double = (counts.get(pick.name) ?? 0) > 1 ? 'Two tags have this name.' : taken.has(pick.name) ? 'The device has a tag of this name already.' : undefined
    const problem = { name: tagNameProblem(pick.name) ?? double, address: pick.address.trim() === '' ? 'Enter an address.' : undefined, type: pick.type === '' ? 'Choose a type.' : undefined }
    if (problem.name !== undefined || problem.address !== undefined || problem.type !== undefined) problems.set(pick.key, problem)
  }
  return problems
}

export function groupProblem(group: { name: string; interval: string }, all: { name: string }[]): string | undefined {
  const double = all.filter((each) => each.name === group.name).length > 1 ? 'Two groups have this name.' : undefined
  return nameProblem(group.name) ?? double ?? intervalProblem(group.interval)
}

const prefix = 'tagwerk-commissioning:'

/** `device` is empty for a device that is new. */
export function loadPlan(device: string): Plan | undefined {
  const stored = loadKept(prefix + device)
  if (typeof stored !== 'object' || stored === null || !('picks' in stored) || !Array.isArray(stored.picks)) return undefined
  return { ...emptyPlan(), ...(stored as Plan) }
}

export function savePlan(device: string, plan: Plan | undefined) {
  saveKept(prefix + device, plan)
}
