/** The edge's findings on a formula, asked for as one types, and what it gives now, anew every two seconds. */
import { useEffect, useState } from 'react'

import { api } from '../api/client'
import { onRefused } from '../api/queries'
import type { FormulaCheck } from '../api/rules'

export interface FormulaState {
  state: 'checking' | 'checked' | 'failed' | 'off'
  /** what `result` is about: the formula and its type */
  about?: string
  /** the last one, also while a newer formula is checked */
  result?: FormulaCheck
  error?: unknown
}

const settleMs = 350
const freshMs = 2_000

export const aboutFormula = (formula: string, type: string) => `${type} ${formula}`

export function useFormulaCheck(device: string, formula: string, type: string): FormulaState {
  const empty = formula.trim() === ''
  const [check, setCheck] = useState<FormulaState>({ state: 'off' })
  useEffect(() => {
    if (empty) {
      setCheck({ state: 'off' })
      return
    }
    const abort = new AbortController()
    let timer = 0
    const later = (ms: number) => {
      timer = window.setTimeout(ask, ms)
    }
    const ask = () => {
      // Nobody looks: the next turn may ask.
      if (document.hidden) {
        later(freshMs)
        return
      }
      api.checkFormula({ device, formula, type }, abort.signal).then(
        (result) => {
          setCheck((before) => ({ state: 'checked', about: aboutFormula(formula, type), result: kept(before.result, result) }))
          later(freshMs)
        },
        (error: unknown) => {
          if (abort.signal.aborted) return
          onRefused(error)
          setCheck({ state: 'failed', error })
          later(freshMs)
        },
      )
    }
    setCheck((before) => ({ ...before, state: 'checking' }))
    later(settleMs)
    return () => {
      window.clearTimeout(timer)
      abort.abort()
    }
  }, [device, formula, type, empty])
  return check
}

/** The same findings stay the same list, so that the editor is not marked anew every time. */
function kept(before: FormulaCheck | undefined, fresh: FormulaCheck): FormulaCheck {
  return before !== undefined && JSON.stringify(before.findings) === JSON.stringify(fresh.findings) ? { ...fresh, findings: before.findings } : fresh
}
