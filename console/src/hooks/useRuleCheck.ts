/** The edge's findings on the SQL of a rule, asked for as one types. */
import { useEffect, useState } from 'react'

import { api } from '../api/client'
import { onRefused } from '../api/queries'
import type { RuleCheck } from '../api/rules'

export interface Check {
  state: 'checking' | 'checked' | 'failed' | 'off'
  /** the SQL that `result` is about */
  sql?: string
  /** the last one, also while a newer text is checked */
  result?: RuleCheck
  error?: unknown
}

export function useRuleCheck(name: string, sql: string): Check {
  const empty = sql.trim() === ''
  const [check, setCheck] = useState<Check>({ state: 'off' })
  useEffect(() => {
    if (empty) {
      setCheck({ state: 'off' })
      return
    }
    const abort = new AbortController()
    setCheck((before) => ({ ...before, state: 'checking' }))
    const timer = window.setTimeout(() => {
      api.checkRule(name === '' ? { sql } : { name, sql }, abort.signal).then(
        (result) => setCheck({ state: 'checked', sql, result }),
        (error: unknown) => {
          if (abort.signal.aborted) return
          onRefused(error)
          setCheck({ state: 'failed', error })
        },
      )
    }, 350)
    return () => {
      window.clearTimeout(timer)
      abort.abort()
    }
  }, [name, sql, empty])
  return check
}
