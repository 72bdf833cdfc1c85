/** Whether an alarm's condition is met by what its tag is now, and why, in words. The edge has the last word: it
 * knows delays, samples of the past, and what became of the alarm before. */
import type { Sample, Severity } from '../api/types'
import { needs, type AlarmForm, type Compared } from './alarmForm'
import { isNumber, timeMs } from './formKeys'

/** A tag as it is now. */
export interface Now {
  text: string | null
  unit: string
  severity: Severity
  /** of the last read */
  ageMs: number | null
  /** since when the quality is what it is */
  qualitySince: number
}

export interface Verdict {
  /** nothing where it cannot be told */
  met: boolean | undefined
  words: string
}

const unknown = (words: string): Verdict => ({ met: undefined, words })

/** `past` is asked for rates of change alone, the oldest sample first; `other` for a deviation. */
export function judge(form: AlarmForm, now: Now, at: number, other?: Now, past?: readonly Sample[]): Verdict {
  const { condition } = form
  if (condition === 'bad') return { met: now.severity === 'bad', words: `The quality is ${now.severity}.` }
  if (condition === 'stale') return silent(form, now, at)
  if (now.severity === 'bad' || now.text === null) return unknown('There is no good value now: the alarm stays as it is.')
  if (condition === 'equals' || condition === 'not_equals') return equal(form, now)
  if (!isNumber(now.text)) return unknown(`${now.text} is no number.`)
  if (condition === 'rising' || condition === 'falling') return rate(form, now, past)
  if (condition === 'deviation') return deviation(form, now, other)
  if (condition === 'outside') {
    if (!isNumber(form.low) || !isNumber(form.high)) return unknown('Enter the limits to see whether it would be active.')
    const met = compare(now.text, form.low) < 0 || compare(now.text, form.high) > 0
    return { met, words: `${shown(now)} is ${met ? 'outside' : 'within'} ${form.low.trim()} to ${valued(form.high, now)}.` }
  }
  if (!isNumber(form.limit)) return unknown('Enter the limit to see whether it would be active.')
  const order = compare(now.text, form.limit)
  const met = condition === 'above' ? order > 0 : order < 0
  return { met, words: `${shown(now)} is ${met ? '' : 'not '}${condition} ${valued(form.limit, now)}.` }
}

const valued = (text: string, { unit }: Pick<Now, 'unit'>) => (unit === '' ? text.trim() : `${text.trim()} ${unit}`)
const shown = (now: Now) => valued(now.text ?? '–', now)

/** Whole numbers by all their digits. */
export function compare(a: string, b: string): number {
  const whole = /^[-+]?\d+$/
  if (whole.test(a.trim()) && whole.test(b.trim())) {
    const [x, y] = [a, b].map((each) => BigInt(each.trim().replace('+', ''))) as [bigint, bigint]
    return x < y ? -1 : x > y ? 1 : 0
  }
  const difference = Number(a) - Number(b)
  return difference < 0 ? -1 : difference > 0 ? 1 : 0
}

/** Whether a value is the one that is compared with; states are told as they are written. */
export function isValue(text: string, { kind, text: wanted }: Compared): boolean {
  if (kind === 'number') return isNumber(text) && isNumber(wanted) && compare(text, wanted) === 0
  return text === (kind === 'text' ? wanted : kind)
}

function equal({ condition, value }: AlarmForm, now: Now): Verdict {
  if (value.kind === 'number' && !isNumber(value.text)) return unknown('Enter the number to see whether it would be active.')
  const same = isValue(now.text ?? '', value)
  return { met: same === (condition === 'equals'), words: `It is ${shown(now)}.` }
}

function silent({ after }: AlarmForm, now: Now, at: number): Verdict {
  const longest = timeMs(after)
  if (longest === undefined) return unknown('Enter for how long to see whether it would be active.')
  const ms = now.severity === 'bad' ? at - now.qualitySince : now.ageMs
  if (ms === null) return unknown('There never was a value.')
  return { met: ms > longest, words: `The last good value is ${Math.round(ms / 1_000)} s old.` }
}

function deviation({ limit }: AlarmForm, now: Now, other: Now | undefined): Verdict {
  if (other === undefined || other.severity === 'bad' || other.text === null || !isNumber(other.text)) return unknown('The tag to compare with has no good value now.')
  if (!isNumber(limit)) return unknown('Enter the limit to see whether it would be active.')
  const distance = Math.abs(Number(now.text) - Number(other.text))
  return { met: distance > Number(limit), words: `${shown(now)} is ${valued(brief(distance), now)} from ${shown(other)}.` }
}

function rate(form: AlarmForm, now: Now, past: readonly Sample[] | undefined): Verdict {
  const per = timeMs(form.per)
  if (per === undefined || !isNumber(form.limit)) return unknown('Enter the limit and the span to see whether it would be active.')
  const good = (past ?? []).filter((sample) => sample.quality !== 'bad' && sample.text !== null && isNumber(sample.text))
  const newest = good.at(-1)
  const reached = newest === undefined ? Number.NaN : Date.parse(newest.time) - per
  const before = good.findLast((sample) => Date.parse(sample.time) <= reached)
  if (newest === undefined || before === undefined) return unknown(`There is no value that is ${form.per.trim()} old yet.`)
  const change = ((Number(newest.text) - Number(before.text)) * per) / (Date.parse(newest.time) - Date.parse(before.time))
  const met = form.condition === 'rising' ? change > Number(form.limit) : -change > Number(form.limit)
  return { met, words: `It ${change < 0 ? 'fell' : 'rose'} by ${valued(brief(Math.abs(change)), now)} in ${form.per.trim()}.` }
}

/** What was computed here has no digits of its own. */
const brief = (value: number) => String(Number(value.toPrecision(4)))

/** What follows from a condition that is met. */
export function consequence(form: AlarmForm, suppressed: boolean | undefined): string {
  if (!form.enabled) return 'The alarm is not enabled: nothing is raised.'
  if (suppressed === true) return 'Nobody would be told: it is suppressed now.'
  if (form.samplesMet.trim() !== '' && form.samplesOf.trim() !== '') return `It is raised once that was so in ${form.samplesMet.trim()} of the last ${form.samplesOf.trim()} samples.`
  const delay = timeMs(form.onDelay)
  return delay === undefined || delay === 0 ? 'The alarm would be active now.' : `It is raised once that lasts for ${form.onDelay.trim()}.`
}

export const asksPast = (form: AlarmForm) => needs[form.condition].includes('per')
