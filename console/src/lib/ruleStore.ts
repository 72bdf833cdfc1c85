/** What was changed of a rule and not yet applied, kept for this tab, so that an ended session does not cost it. */
import { emptyRule, type RuleForm } from './ruleForm'

export interface RuleDraft {
  /** the rule that it started from, as JSON */
  base: string
  form: RuleForm
}

const keyOf = (name: string) => `tagwerk-rule ${name}`

export function loadRule(name: string): RuleDraft | undefined {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(keyOf(name)) ?? 'null')
    if (typeof stored !== 'object' || stored === null || !('base' in stored) || !('form' in stored)) return undefined
    const { base, form } = stored
    if (typeof base !== 'string' || typeof form !== 'object' || form === null || !('sql' in form) || typeof form.sql !== 'string') return undefined
    return { base, form: { ...emptyRule, ...form, sql: form.sql } }
  } catch {
    return undefined
  }
}

export function saveRule(name: string, draft: RuleDraft | undefined) {
  try {
    if (draft === undefined) sessionStorage.removeItem(keyOf(name))
    else sessionStorage.setItem(keyOf(name), JSON.stringify(draft))
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}
