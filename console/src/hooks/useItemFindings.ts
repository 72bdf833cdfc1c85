/** What is wrong with one item of the document as a form has it, at the form's fields: what the form itself sees, then what the edge says. */
import { useMemo } from 'react'

import { located, type Located } from '../lib/alarmCheck'
import { emptyDocument } from '../lib/document'
import type { Problems } from '../lib/formKeys'
import { useConfigText } from './useConfigText'
import type { FormDraft } from './useFormDraft'
import { useLint } from './useLint'
import { useMe } from './useMe'
import { useSettled } from './useSettled'

export interface ItemKind<T> {
  /** the text with the item in it */
  write: (text: string, form: T) => string
  /** such as `alarms[hot]` */
  at: (form: T) => string
  /** fields of the form, by the key of the document */
  fields?: (key: string) => string
}

const nothing: Located = { errors: new Map(), warnings: new Map(), others: [] }

/** The edge is not asked while the form itself is not filled in. `kind` stays the same one. */
export function useItemFindings<T extends object>({ form, changed, tried }: Pick<FormDraft<T>, 'form' | 'changed' | 'tried'>, problems: Problems, kind: ItemKind<T>) {
  const text = useConfigText()
  const { edge } = useMe()
  const enabled = changed && problems.size === 0
  const settled = useSettled(form)
  const whole = useMemo(() => (enabled ? kind.write(text === '' ? emptyDocument(edge) : text, settled) : ''), [enabled, text, settled, edge, kind])
  const lint = useLint(whole, enabled)
  const found = useMemo(() => (enabled && lint.state === 'checked' && lint.text === whole ? located(lint.result?.findings ?? [], kind.at(settled), kind.fields) : nothing), [enabled, lint, whole, settled, kind])
  return {
    /** what stands at the fields */
    shown: tried && problems.size > 0 ? problems : found.errors,
    warnings: found.warnings,
    /** what no field shows */
    others: found.others,
    /** how many errors there are of the edge */
    wrong: found.errors.size + found.others.filter((each) => each.weight === 'error').length,
  }
}
