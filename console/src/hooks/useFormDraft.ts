/** A form being filled in: kept for the tab; what somebody else changed meanwhile replaces it only where nothing was typed. */
import { useEffect, useRef, useState } from 'react'

import type { Problems } from '../lib/formKeys'
import { loadForm, saveForm } from '../lib/formStore'

/** `name` tells drafts apart: what it is, and the item's name. */
export function useFormDraft<T extends object>(name: string, original: T) {
  const base = JSON.stringify(original)
  const [draft, setDraft] = useState(() => loadForm(name, original) ?? { base, form: original })
  const [tried, setTried] = useState(false)
  const [reviewing, setReviewing] = useState(false)
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
    /** somebody wanted to save it, and hears from then on what is missing */
    tried,
    reviewing,
    change: (part: Partial<T>) => {
      over.current = false
      setDraft((before) => ({ ...before, form: { ...before.form, ...part } }))
    },
    /** on to the review, unless something of it is wrong */
    save: (problems: Problems, wrong: number) => {
      setTried(true)
      if (problems.size === 0 && wrong === 0) setReviewing(true)
    },
    close: () => setReviewing(false),
    discard: () => {
      saveForm(name, undefined)
      setDraft({ base, form: original })
      setTried(false)
    },
    forget: () => {
      over.current = true
      saveForm(name, undefined)
    },
  }
}

export type FormDraft<T extends object> = ReturnType<typeof useFormDraft<T>>
