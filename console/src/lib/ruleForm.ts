/** A rule as it stands in the configuration, as a form, and what is wrong with the form. */
import { isMap, type Document } from 'yaml'

import type { RuleAction, RuleColumn, RuleStage } from '../api/rules'
import { itemIn, withItem, withinItem } from './document'
import { nameProblem } from './naming'
import { isBoolean, labelsOf } from './rules'

export interface RuleForm {
  name: string
  sql: string
  stage: RuleStage
  lateness: string
  /** apart by commas */
  labels: string
  text: string
  units: Record<string, string>
  actions: RuleAction[]
}

export const emptyRule: RuleForm = { name: '', sql: '', stage: 'trial', lateness: '', labels: '', text: '', units: {}, actions: [] }

const textOf = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function isAction(value: unknown): value is RuleAction {
  return isRecord(value) && (isRecord(value['alarm']) || isRecord(value['write']))
}

/** A rule of the document as a form; nothing where it is not there, or has a form that the console cannot read. */
export function ruleIn(text: string, name: string): RuleForm | undefined {
  const rule = itemIn(text, 'rules', name)
  if (!isRecord(rule) || typeof rule['sql'] !== 'string') return undefined
  const { stage, labels, units, actions } = rule
  const plainActions = actions ?? []
  if (!Array.isArray(plainActions) || !plainActions.every(isAction)) return undefined
  return {
    name,
    sql: rule['sql'].trimEnd(),
    stage: stage === 'draft' || stage === 'trial' ? stage : 'live',
    lateness: textOf(rule['lateness']),
    labels: Array.isArray(labels) ? labels.map(textOf).join(', ') : '',
    text: textOf(rule['text']),
    units: isRecord(units) ? Object.fromEntries(Object.entries(units).map(([column, unit]) => [column, textOf(unit)])) : {},
    actions: plainActions,
  }
}

/** Without what is empty and without what says nothing. */
function said<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([key, value]) => value !== undefined && value !== '' && !(key === 'latching' && value === false))) as T
}

export function saidAction(action: RuleAction): RuleAction {
  return 'alarm' in action ? { alarm: said(action.alarm) } : { write: said(action.write) }
}

/** The keys of the document; `undefined` is left out. */
function written(form: RuleForm): Record<string, unknown> {
  const labels = labelsOf(form.labels)
  const units = said(form.units)
  const sql = form.sql.replaceAll('\r\n', '\n').trim()
  return {
    name: form.name,
    // A line of its own at the end makes it a text of lines, in which SQL is read best.
    sql: sql === '' ? '' : `${sql}\n`,
    stage: form.stage,
    lateness: form.lateness.trim() === '' ? undefined : form.lateness.trim(),
    labels: labels.length === 0 ? undefined : labels,
    text: form.text.trim() === '' ? undefined : form.text.trim(),
    units: Object.keys(units).length === 0 ? undefined : units,
    actions: form.actions.length === 0 ? undefined : form.actions.map(saidAction),
  }
}

const alike = (a: unknown, b: unknown) => (typeof a === 'string' && typeof b === 'string' ? a.trimEnd() === b.trimEnd() : JSON.stringify(a) === JSON.stringify(b))

function setKeys(document: Document, wanted: Record<string, unknown>) {
  const now: unknown = isMap(document.contents) ? document.toJSON() : {}
  if (!isRecord(now)) return
  for (const [key, value] of Object.entries(wanted)) {
    // `live` is what a rule is without the key.
    if (alike(now[key], value) || (key === 'stage' && value === 'live' && now[key] === undefined)) continue
    if (value === undefined) document.delete(key)
    else document.set(key, document.createNode(value))
  }
}

/** Adds the rule, or changes what differs in the one of its name. */
export function withRule(text: string, form: RuleForm): string {
  const wanted = written(form)
  if (itemIn(text, 'rules', form.name) === undefined) return withItem(text, 'rules', said(wanted))
  return withinItem(text, 'rules', form.name, (document) => setKeys(document, wanted))
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

export function durationMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)(ms|s|m|h)$/.exec(text.trim()) ?? []
  return digits === undefined || unit === undefined ? undefined : Number(digits) * (unitMs[unit] ?? Number.NaN)
}

function durationProblem(text: string, lowMs: number, highMs: number, bounds: string): string | undefined {
  if (text.trim() === '') return undefined
  const ms = durationMs(text)
  if (ms === undefined) return 'Write a whole number with its unit, such as 200ms, 5s or 1m.'
  return ms < lowMs || ms > highMs ? `Choose ${bounds}.` : undefined
}

const hourMs = 3_600_000
const sqlBytesMax = 64 * 1_024
const labelsMax = 16
const actionsMax = 32

export type Problems = Map<string, string>

/** What is wrong, by the name of the field. `columns` are those the query gives; unknown while it is wrong itself. */
export function ruleProblems(form: RuleForm, taken: ReadonlySet<string>, columns: readonly RuleColumn[] | undefined): Problems {
  const problems: Problems = new Map()
  const note = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.set(field, problem)
  }
  note('name', nameProblem(form.name) ?? (taken.has(form.name) ? 'A device, a template or a rule has this name already.' : form.name === 'new' ? '`new` is the address of this page. Choose another name.' : undefined))
  note('sql', form.sql.trim() === '' ? 'Write a SELECT first.' : new TextEncoder().encode(form.sql).length > sqlBytesMax ? 'Shorten it: 64 KiB at most.' : undefined)
  note('lateness', durationProblem(form.lateness, 0, hourMs, 'from 0s to 1h'))
  const labels = labelsOf(form.labels)
  const wrong = labels.find((label) => nameProblem(label) !== undefined)
  note('labels', labels.length > labelsMax ? `Take ${labelsMax} at most.` : wrong === undefined ? undefined : `“${wrong}” cannot be a label: ${nameProblem(wrong) ?? ''}`)
  if (form.actions.length > actionsMax) note('actions', `Take ${actionsMax} at most.`)
  for (const [index, action] of form.actions.entries()) {
    for (const [field, problem] of actionProblems(action, columns)) note(`${index}.${field}`, problem)
  }
  return problems
}

function columnProblem(column: string, columns: readonly RuleColumn[] | undefined): string | undefined {
  if (column === '') return 'Choose a column.'
  return columns === undefined || columns.some((each) => each.name === column) ? undefined : 'The query gives no such column. Choose another, or name it in the SQL with AS.'
}

function* actionProblems(action: RuleAction, columns: readonly RuleColumn[] | undefined): Generator<[string, string | undefined]> {
  if ('alarm' in action) {
    const { column, name, on_delay: onDelay, off_delay: offDelay } = action.alarm
    const type = columns?.find((each) => each.name === column)?.data_type
    yield ['column', columnProblem(column, columns) ?? (type === undefined || isBoolean(type) ? undefined : `${column} is no column of true and false: compare it in the SQL, such as \`${column} > 90 AS high\`.`)]
    yield ['name', name === undefined || name === '' ? undefined : nameProblem(name)]
    yield ['on_delay', durationProblem(onDelay ?? '', 0, Infinity, 'a shorter one')]
    yield ['off_delay', durationProblem(offDelay ?? '', 0, Infinity, 'a shorter one')]
  } else {
    const { column, tag, expires } = action.write
    yield ['column', columnProblem(column, columns)]
    yield ['tag', /^[^/]+\/.+$/.test(tag) ? undefined : 'Name a device and its tag, such as boiler-1/pressure_setpoint.']
    yield ['expires', durationProblem(expires ?? '', 1_000, hourMs, 'from 1s to 1h')]
  }
}
