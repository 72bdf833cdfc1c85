/** What was typed and not yet applied, kept for this tab, so that an ended session does not cost it. */

/** Of any shape: an older console may have written it. */
export function loadKept(key: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null')
  } catch {
    return undefined
  }
}

export function saveKept(key: string, value: unknown) {
  try {
    if (value === undefined) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify(value))
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}
