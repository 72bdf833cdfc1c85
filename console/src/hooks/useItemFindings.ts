/** What the edge says of one item of the document as a form has it, at the form's fields. */
import { useMemo } from 'react'

import { located, type Located } from '../lib/alarmCheck'
import { emptyDocument } from '../lib/document'
import { useLint } from './useLint'
import { useMe } from './useMe'
import { useSettled } from './useSettled'

export interface ItemForm<T> {
  /** what runs */
  text: string
  form: T
  /** the text with the item in it */
  write: (text: string, form: T) => string
  /** such as `alarms[hot]` */
  at: (form: T) => string
  fields?: (key: string) => string
}

const nothing: Located = { errors: new Map(), warnings: new Map(), others: [] }

/** Nothing while the form itself is not filled in. `write`, `at` and `fields` stay the same ones. */
export function useItemFindings<T>({ text, form, write, at, fields }: ItemForm<T>, enabled: boolean): Located {
  const { edge } = useMe()
  const settled = useSettled(form)
  const whole = useMemo(() => (enabled ? write(text === '' ? emptyDocument(edge) : text, settled) : ''), [enabled, text, settled, edge, write])
  const lint = useLint(whole, enabled)
  return useMemo(() => (enabled && lint.state === 'checked' && lint.text === whole ? located(lint.result?.findings ?? [], at(settled), fields) : nothing), [enabled, lint, whole, settled, at, fields])
}

export function errorsOf(found: Located): number {
  return found.errors.size + found.others.filter((each) => each.weight === 'error').length
}
