/** A tag that is computed of others by a formula: its form, what is wrong with it, and its place in the configuration. */
import type { DeviceForm, GroupForm, TagForm } from './document'
import { withTagKeys, withTags, withoutTag } from './document'
import { nameProblem, tagNameProblem } from './naming'
import { intervalProblem } from './settings'
import { sqlName } from './sql'

export interface FormulaForm {
  name: string
  /** the name of a group of the device; empty: `newGroup` is made */
  group: string
  newGroup: string
  interval: string
  type: string
  unit: string
  description: string
  formula: string
}

export const formulaTypes = ['float64', 'float32', 'bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'text']

/** As the edge bounds them. */
const formulaBytesMax = 4_096
const unitBytesMax = 64

/** A device of this driver has no machine: nothing to connect to, and no addresses. */
export function isCalculated(driver: string): boolean {
  return driver === 'calculated'
}

type Groups = readonly { name: string }[]

export function emptyFormula(groups: Groups): FormulaForm {
  return { name: '', group: groups[0]?.name ?? '', newGroup: 'main', interval: '1s', type: 'float64', unit: '', description: '', formula: '' }
}

function groupsOf(device: DeviceForm): GroupForm[] {
  return Array.isArray(device.groups) ? device.groups : []
}

function tagIn(device: DeviceForm, name: string): { group: string; tag: TagForm } | undefined {
  for (const group of groupsOf(device)) {
    const tag = (group.tags ?? []).find((each) => each.name === name)
    if (tag !== undefined) return { group: group.name, tag }
  }
  return undefined
}

/** A tag of the document as a form; nothing where the device itself has no such tag with a formula. */
export function formulaIn(device: DeviceForm, name: string): FormulaForm | undefined {
  const found = tagIn(device, name)
  if (found === undefined || typeof found.tag.formula !== 'string') return undefined
  const { formula, type, unit = '', description = '' } = found.tag
  return { ...emptyFormula([{ name: found.group }]), name, type, unit: String(unit), description: String(description), formula: formula.trimEnd() }
}

const size = (text: string) => new TextEncoder().encode(text).length

/** `taken`: the names of other tags; `groups`: those of its own, and all that it has. */
export function formulaProblems(form: FormulaForm, taken: ReadonlySet<string>, allGroups: Groups): Map<string, string> {
  const problems = new Map<string, string>()
  const note = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.set(field, problem)
  }
  note('formula', form.formula.trim() === '' ? 'Write an expression over tags, such as `steam / fuel`.' : size(form.formula) > formulaBytesMax ? 'Shorten it to 4096 bytes, or write a rule.' : undefined)
  note('name', tagNameProblem(form.name) ?? (taken.has(form.name) ? 'The device has a tag of this name already. Choose another.' : undefined))
  if (form.group === '') {
    note('newGroup', nameProblem(form.newGroup) ?? (allGroups.some((each) => each.name === form.newGroup) ? 'The device has a group of this name already. Choose another.' : undefined))
    note('interval', intervalProblem(form.interval))
  }
  note('unit', size(form.unit) > unitBytesMax ? `Shorten it to ${unitBytesMax} bytes.` : undefined)
  return problems
}

const said = (text: string) => (text.trim() === '' ? undefined : text.trim())

/** The keys of the document; `undefined` is left out. */
function keysOf(form: FormulaForm): TagForm {
  return { name: form.name, formula: form.formula.replaceAll('\r\n', '\n').trim(), type: form.type, unit: said(form.unit), description: said(form.description) }
}

/** Adds the tag, or changes what differs in the one that was called `original`; in another group it keeps its other settings. */
export function withFormula(text: string, device: DeviceForm, original: string, form: FormulaForm): string {
  const old = original === '' ? undefined : tagIn(device, original)
  const group = form.group === '' ? form.newGroup : form.group
  const keys = keysOf(form)
  if (old?.group === group) return withTagKeys(text, device.name, original, keys)
  const others = Object.fromEntries(Object.entries(old?.tag ?? {}).filter(([key]) => !(key in keys)))
  const without = old === undefined ? text : withoutTag(text, device.name, original)
  return withTags(without, device.name, [{ name: group, interval: form.interval.trim(), tags: [{ ...keys, ...others }] }])
}

/** As a formula of `device` names a tag. */
export function tagInFormula(device: string, tag: { device: string; name: string }): string {
  return tag.device === device ? sqlName(tag.name) : `"${`${tag.device}/${tag.name}`.replaceAll('"', '""')}"`
}
