/** Keys of one item of the document as forms write them: only what differs is touched, with the comments beside it. */
import { Document, isCollection, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'

export type Keys = Record<string, unknown>

const isCompound = (value: unknown) => typeof value === 'object' && value !== null

/** A value as a part of a document: lists and maps stand on one line, of a list of maps each. */
export function nodeOf(value: unknown): Node | null {
  const node = new Document(value).contents
  const maps = isSeq(node) ? node.items.filter(isMap) : []
  for (const map of maps) map.flow = true
  if (isCollection(node)) node.flow = maps.length === 0
  return node as Node | null
}

/** For a new item: without what is not said. */
export function written(keys: Keys): Keys {
  return Object.fromEntries(Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [[key, isCompound(value) ? nodeOf(value) : value]])))
}

const said = (value: unknown) => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))

/** What differs between two writings of the same form; keys that neither knows are not looked at. */
export function setKeys(map: Pick<YAMLMap, 'get' | 'set' | 'delete'>, before: Keys, after: Keys) {
  for (const [key, value] of Object.entries(after)) {
    if (said(before[key]) === said(value)) continue
    if (value === undefined) {
      map.delete(key)
      continue
    }
    const old: unknown = map.get(key, true)
    const fresh = nodeOf(value)
    if (fresh !== null && isScalar(old) && isScalar(fresh) && old.comment !== undefined) fresh.comment = old.comment
    if (isCollection(old) && isCollection(fresh)) fresh.flow = old.flow === true
    map.set(key, fresh)
  }
}

/** The text of a scalar as it is written, with all digits; empty where there is none. */
export function scalarText(node: unknown): string {
  if (!isScalar(node)) return ''
  const { value, source } = node
  if (typeof value === 'number') return source ?? String(value)
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : ''
}

/** A number as it is written into the document: whole ones with all their digits. */
export function numberOf(text: string): number | bigint | string {
  const trimmed = text.trim()
  if (/^[-+]?\d+$/.test(trimmed)) {
    const whole = BigInt(trimmed.replace('+', ''))
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  }
  return isNumber(trimmed) ? Number(trimmed) : trimmed
}

export function isNumber(text: string): boolean {
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text.trim())
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `500ms`, `5s`, `5m`, `1h`, `7d`. */
export function timeMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)\s*(ms|s|m|h|d)$/.exec(text.trim()) ?? []
  return digits === undefined || unit === undefined ? undefined : Number(digits) * (unitMs[unit] ?? Number.NaN)
}

/** What is wrong with a time, or nothing. Empty is for others to judge. */
export function timeProblem(text: string, lowMs: number, highMs: number, bounds: string): string | undefined {
  if (text.trim() === '') return undefined
  const ms = timeMs(text)
  if (ms === undefined) return 'Write a whole number with its unit, such as 5s, 10m or 1h.'
  return ms < lowMs || ms > highMs ? `Choose a time ${bounds}.` : undefined
}

export type Problems = Map<string, string>
