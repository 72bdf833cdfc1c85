/** What was typed and not yet applied, kept for this tab, so that an ended session does not cost it. */

export interface Draft {
  /** the revision it started from; 0 for none */
  base: number
  text: string
}

const key = 'tagwerk-draft'

export function loadDraft(): Draft | undefined {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null')
    if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('text' in stored)) return undefined
    return typeof stored.base === 'number' && typeof stored.text === 'string'
      ? { base: stored.base, text: stored.text }
      : undefined
  } catch {
    return undefined
  }
}

export function saveDraft(draft: Draft | undefined) {
  try {
    if (draft === undefined) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify(draft))
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}
