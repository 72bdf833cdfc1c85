/** A form being filled in: kept for the tab; what somebody else changed meanwhile replaces it only where nothing was typed. */
import { useEffect, useRef, useState } from 'react'

import { loadForm, saveForm } from '../lib/formStore'

export function useFormDraft<T extends object>(name: string, original: T) {
  const base = JSON.stringify(original)
  const [draft, setDraft] = useState(() => loadForm(name, original) ?? { base, form: original })
  const { form } = draft
  const changed = JSON.stringify(form) !== base
  // Once it is saved, nothing of it is kept, and it follows what the configuration then says.
  const over = useRef(false)
  useEffect(() => saveForm(name, changed && !over.current ? draft : undefined), [name, changed, draft])
  useEffect(() => {
    const follows = over.current
    setDraft((before) => (before.base !== base && (follows || JSON.stringify(before.form) === before.base) ? { base, form: JSON.parse(base) as T } : before))
  }, [base])
  return {
    form,
    changed,
    outdated: changed && draft.base !== base,
    change: (edit: (before: T) => T) => {
      over.current = false
      setDraft((before) => ({ ...before, form: edit(before.form) }))
    },
    discard: () => {
      saveForm(name, undefined)
      setDraft({ base, form: original })
    },
    forget: () => {
      over.current = true
      saveForm(name, undefined)
    },
  }
}
