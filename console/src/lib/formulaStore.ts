/** What was changed of a formula and not yet applied, kept for this tab, so that an ended session does not cost it. */
import { emptyFormula, type FormulaForm } from './formula'

export interface FormulaDraft {
  /** the form that it started from, as JSON */
  base: string
  form: FormulaForm
}

const keyOf = (device: string, tag: string) => `tagwerk-formula ${device}/${tag}`

/** `tag` is empty for a new one. */
export function loadFormula(device: string, tag: string): FormulaDraft | undefined {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(keyOf(device, tag)) ?? 'null')
    if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('form' in stored)) return undefined
    const { base, form } = stored
    if (typeof base !== 'string' || typeof form !== 'object' || form === null || !('formula' in form) || typeof form.formula !== 'string') return undefined
    return { base, form: { ...emptyFormula([]), ...form, formula: form.formula } }
  } catch {
    return undefined
  }
}

export function saveFormula(device: string, tag: string, draft: FormulaDraft | undefined) {
  try {
    if (draft === undefined) sessionStorage.removeItem(keyOf(device, tag))
    else sessionStorage.setItem(keyOf(device, tag), JSON.stringify(draft))
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}
