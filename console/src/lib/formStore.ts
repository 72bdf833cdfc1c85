/** What was typed into a form and not yet applied, kept for this tab, so that an ended session does not cost it. */

export interface FormDraft<T> {
  /** the form that it started from, as JSON */
  base: string
  form: T
}

const keyOf = (name: string) => `tagwerk-form ${name}`

/** `empty` has the fields that an older draft may lack. */
export function loadForm<T extends object>(name: string, empty: T): FormDraft<T> | undefined {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(keyOf(name)) ?? 'null')
    if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('form' in stored)) return undefined
    const { base, form } = stored
    return typeof base === 'string' && typeof form === 'object' && form !== null ? { base, form: { ...empty, ...form } } : undefined
  } catch {
    return undefined
  }
}

export function saveForm<T>(name: string, draft: FormDraft<T> | undefined) {
  try {
    if (draft === undefined) sessionStorage.removeItem(keyOf(name))
    else sessionStorage.setItem(keyOf(name), JSON.stringify(draft))
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}
