/** The edge's findings on a text, asked for as one types. */
import { useEffect, useState } from 'react'

import { api } from '../api/client'
import type { LintResult } from '../api/types'

export interface Lint {
  state: 'checking' | 'checked' | 'failed' | 'off'
  /** the text that `result` is about */
  text?: string
  result?: LintResult
  error?: unknown
}

export function useLint(text: string, enabled: boolean): Lint {
  const [lint, setLint] = useState<Lint>({ state: enabled ? 'checking' : 'off' })
  useEffect(() => {
    if (!enabled) return
    const abort = new AbortController()
    setLint((before) => ({ ...before, state: 'checking' }))
    // A document of a million lines is sent less eagerly.
    const wait = text.length > 1_000_000 ? 1_500 : 350
    const timer = window.setTimeout(() => {
      api.lint(text, abort.signal).then(
        (result) => setLint({ state: 'checked', text, result }),
        (error: unknown) => {
          if (!abort.signal.aborted) setLint({ state: 'failed', error })
        },
      )
    }, wait)
    return () => {
      window.clearTimeout(timer)
      abort.abort()
    }
  }, [text, enabled])
  return lint
}
