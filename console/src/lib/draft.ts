/** The configuration as it was typed and not yet applied. */
import { loadKept, saveKept } from './tabStore'

export interface Draft {
  /** the revision it started from; 0 for none */
  base: number
  text: string
}

const key = 'tagwerk-draft'

export function loadDraft(): Draft | undefined {
  const stored = loadKept(key)
  if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('text' in stored)) return undefined
  return typeof stored.base === 'number' && typeof stored.text === 'string' ? { base: stored.base, text: stored.text } : undefined
}

export function saveDraft(draft: Draft | undefined) {
  saveKept(key, draft)
}
