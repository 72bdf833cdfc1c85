/** What is wrong with the form of an alarm: what can be said here, and what the edge finds, each at its field. */
import type { Finding, Tag } from '../api/types'
import { hasHysteresis, hasSamples, needs, type AlarmCondition, type AlarmForm, type Compared } from './alarmForm'
import { isNumber, timeProblem, type Problems } from './formKeys'
import { nameProblem } from './naming'
import { patternOf } from './pattern'

const monthMs = 31 * 86_400_000
const samplesMost = 64
const textBytesMost = 1_024

const numberWords = 'Write a number, with a point as the decimal sign, such as 8.5.'

export const conditionWords: Record<AlarmCondition, string> = {
  above: 'above a limit',
  below: 'below a limit',
  outside: 'outside a range',
  equals: 'equal to a value or state',
  not_equals: 'not equal to a value or state',
  rising: 'rising too fast',
  falling: 'falling too fast',
  deviation: 'too far from another tag',
  bad: 'of bad quality',
  stale: 'missing for a time',
}

export const conditionHints: Record<AlarmCondition, string> = {
  above: 'Such as a temperature that is too high.',
  below: 'Such as a level that is too low.',
  outside: 'Such as a pressure that is too low or too high.',
  equals: 'Such as a fault that is on, or a state that is `stopped`.',
  not_equals: 'Such as a mode that is anything but `auto`.',
  rising: 'Rises by more than the limit within a span of time.',
  falling: 'Falls by more than the limit within a span of time.',
  deviation: 'Such as a temperature far from its set point.',
  bad: 'Such as of a device that does not answer.',
  stale: 'No value of good or uncertain quality for so long.',
}

/** What is wrong, by field; a field of several is `tags.0`. */
export function alarmProblems(form: AlarmForm, taken: ReadonlySet<string>): Problems {
  const problems: Problems = new Map()
  const note = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.set(field, problem)
  }
  note('name', nameProblem(form.name) ?? (taken.has(form.name) ? 'An alarm has this name already. Choose another.' : undefined))
  for (const [index, tag] of form.tags.entries()) {
    if (tag.trim() !== '' && patternOf(tag.trim()) === undefined) note(`tags.${index}`, 'Write a device and its tag, such as boiler-1/pressure; `*` stands for any characters.')
  }
  if (form.tags.every((tag) => tag.trim() === '')) note('tags.0', 'Choose a tag first.')
  conditionProblems(form, note)
  note('on_delay', timeProblem(form.onDelay, 0, monthMs, 'of a month (31d) at most'))
  note('off_delay', timeProblem(form.offDelay, 0, monthMs, 'of a month (31d) at most'))
  if (hasSamples(form.condition)) note('samples', samplesProblem(form))
  if (form.suppress) {
    note('suppress_when.tag', form.suppressTag.trim() === '' ? 'Choose a tag, or take this away.' : tagProblem(form.suppressTag))
    note('suppress_when.equals', comparedProblem(form.suppressValue))
  }
  for (const [field, text] of [['text', form.text], ['response', form.response]] as const) {
    note(field, new TextEncoder().encode(text).length > textBytesMost ? 'Shorten it: 1024 bytes at most.' : undefined)
  }
  return problems
}

function conditionProblems(form: AlarmForm, note: (field: string, problem: string | undefined) => void) {
  const needed = needs[form.condition]
  const magnitude = ['rising', 'falling', 'deviation'].includes(form.condition)
  if (needed.includes('limit')) note('limit', numberProblem(form.limit, 'Enter the limit.') ?? (magnitude && Number(form.limit) < 0 ? 'Write how much is too much, without a sign.' : undefined))
  if (needed.includes('range')) {
    note('low', numberProblem(form.low, 'Enter the lower limit.'))
    note('high', numberProblem(form.high, 'Enter the upper limit.') ?? (Number(form.low) > Number(form.high) ? 'The upper limit is below the lower one.' : undefined))
  }
  if (needed.includes('value')) note('value', comparedProblem(form.value))
  if (needed.includes('after')) note('after', form.after.trim() === '' ? 'Enter for how long, such as 5m.' : timeProblem(form.after, 1_000, monthMs, 'from 1s to a month (31d)'))
  if (needed.includes('per')) note('per', form.per.trim() === '' ? 'Enter the span, such as 1m.' : timeProblem(form.per, 1_000, monthMs, 'from 1s to a month (31d)'))
  if (needed.includes('reference')) note('reference', form.reference.trim() === '' ? 'Choose the tag to compare with.' : tagProblem(form.reference))
  if (hasHysteresis(form.condition) && form.hysteresis.trim() !== '') {
    const back = Number(form.hysteresis)
    const room = form.condition === 'outside' ? (Number(form.high) - Number(form.low)) / 2 : form.condition === 'deviation' ? Number(form.limit) : Infinity
    note('hysteresis', numberProblem(form.hysteresis, '') ?? (back < 0 ? 'Write it without a sign.' : back > room ? `At most ${room}: there must be values at which the alarm is over.` : undefined))
  }
}

function numberProblem(text: string, missing: string): string | undefined {
  return text.trim() === '' ? missing : isNumber(text) && Number.isFinite(Number(text)) ? undefined : numberWords
}

function comparedProblem({ kind, text }: Compared): string | undefined {
  return kind === 'number' ? numberProblem(text, 'Enter the number.') : kind === 'text' && text === '' ? 'Enter the text.' : undefined
}

function tagProblem(text: string): string | undefined {
  return /^([^/\s*?]+\/)?[^/\s*?]+$/.test(text.trim()) ? undefined : 'Name one tag: `device/tag`, or `tag` for one of the same device.'
}

function samplesProblem({ samplesMet, samplesOf }: AlarmForm): string | undefined {
  if (samplesMet.trim() === '' && samplesOf.trim() === '') return undefined
  const [met, of] = [samplesMet, samplesOf].map((text) => (/^\d+$/.test(text.trim()) ? Number(text) : Number.NaN))
  return met !== undefined && of !== undefined && met >= 1 && met <= of && of <= samplesMost ? undefined : `Write two whole numbers, such as 3 of 5; at most ${samplesMost}.`
}

/** Fields of the form, by the key of the document. */
const fieldOf: Record<string, string> = { range: 'high', tags: 'tags.0', suppress_when: 'suppress_when.tag' }

export interface Located {
  /** by field */
  errors: Problems
  warnings: Problems
  /** of this alarm, and of no field */
  others: Finding[]
}

/** The edge's findings on one item, at the fields they belong to. `at` is the item, such as `alarms[hot]`. */
export function located(findings: readonly Finding[], at: string, fields: (key: string) => string = (key) => fieldOf[key] ?? key): Located {
  const found: Located = { errors: new Map(), warnings: new Map(), others: [] }
  for (const finding of findings) {
    if (finding.path !== at && !finding.path.startsWith(`${at}.`)) continue
    const own = finding.path.slice(at.length + 1)
    // What is missing has no place of its own.
    const key = own !== '' ? own.replaceAll(/\[(\d+)\]/g, '.$1') : /has no `([a-z_]+)`/.exec(finding.problem)?.[1]
    if (key === undefined) {
      found.others.push(finding)
      continue
    }
    const kind = finding.weight === 'error' ? found.errors : found.warnings
    const field = fields(key)
    const words = `${sentence(finding.problem)} ${sentence(finding.remedy)}`
    kind.set(field, kind.has(field) ? `${kind.get(field) ?? ''} ${words}` : words)
  }
  return found
}

function sentence(words: string): string {
  const whole = words.charAt(0).toUpperCase() + words.slice(1)
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}

/** A form for an alarm of this tag: its usual condition, and a name that tells both. */
export function alarmOn(tag: Pick<Tag, 'device' | 'name' | 'type'>, base: AlarmForm, taken: ReadonlySet<string>): AlarmForm {
  const form: AlarmForm = { ...base, tags: [`${tag.device}/${tag.name}`], ...(tag.type === 'bool' ? { condition: 'equals', value: { kind: 'true', text: '' } } : tag.type === 'text' ? { condition: 'equals', value: { kind: 'text', text: '' } } : {}) }
  return { ...form, name: proposedName(form, taken) }
}

const nameEnds: Record<AlarmCondition, string> = { above: 'high', below: 'low', outside: 'outside', equals: 'state', not_equals: 'state', rising: 'rising', falling: 'falling', deviation: 'off', bad: 'bad', stale: 'silent' }

/** What of it a name may hold. */
const plain = (text: string) => text.replaceAll(/[^A-Za-z0-9._-]+/g, '').replace(/^[._-]+/, '').slice(0, 100)

/** After the first tag and the condition; empty where they do not tell one. */
export function proposedName({ tags, condition }: Pick<AlarmForm, 'tags' | 'condition'>, taken: ReadonlySet<string>): string {
  const { device = '', tag = '' } = patternOf(tags[0]?.trim() ?? '') ?? {}
  const stem = [plain(tag), plain(device)].find((part) => part !== '')
  if (stem === undefined) return ''
  const name = `${stem}-${nameEnds[condition]}`
  if (!taken.has(name)) return name
  for (let number = 2; ; number++) if (!taken.has(`${name}-${number}`)) return `${name}-${number}`
}
