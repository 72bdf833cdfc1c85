/** What was typed into a form of the configuration, with what it started from. */
import { loadKept, saveKept } from './tabStore'

export interface StoredForm<T> {
  /** the form that it started from, as JSON */
  base: string
  form: T
}

const keyOf = (name: string) => `tagwerk-form ${name}`

/** `empty` has the fields that an older draft may lack. */
export function loadForm<T extends object>(name: string, empty: T): StoredForm<T> | undefined {
  const stored = loadKept(keyOf(name))
  if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('form' in stored)) return undefined
  const { base, form } = stored
  return typeof base === 'string' && typeof form === 'object' && form !== null ? { base, form: { ...empty, ...form } } : undefined
}

export function saveForm<T>(name: string, draft: StoredForm<T> | undefined) {
  saveKept(keyOf(name), draft)
}
