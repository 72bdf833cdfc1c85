/** One trial of a rule at a time: run, cancelled, answered or refused. */
import { useEffect, useRef, useState } from 'react'

import { api } from '../api/client'
import { toApiError, type ApiError } from '../api/errors'
import { onRefused } from '../api/queries'
import type { RuleTrial } from '../api/rules'

interface State {
  running: boolean
  cancelled: boolean
  at: number
  elapsedMs: number
  answer: RuleTrial | undefined
  error: ApiError | undefined
}

const idle: State = { running: false, cancelled: false, at: 0, elapsedMs: 0, answer: undefined, error: undefined }

export interface Trial extends State {
  /** `raw` is a RuleTrialRequest as JSON */
  run: (raw: string) => void
  /** The edge stops the work when the connection is closed. */
  cancel: () => void
}

export function useRuleTrial(): Trial {
  const [state, setState] = useState(idle)
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])
  const { running, at } = state
  useEffect(() => {
    if (!running) return
    const timer = window.setInterval(() => setState((before) => ({ ...before, elapsedMs: Date.now() - at })), 100)
    return () => window.clearInterval(timer)
  }, [running, at])

  const run = (raw: string) => {
    const mine = new AbortController()
    abort.current?.abort()
    abort.current = mine
    const began = Date.now()
    setState({ ...idle, running: true, at: began })
    const end = (more: Partial<State>) => {
      if (abort.current === mine) setState((before) => ({ ...before, running: false, elapsedMs: Date.now() - began, ...more }))
    }
    api.tryRule(raw, mine.signal).then(
      (answer) => end({ answer }),
      (error: unknown) => {
        if (mine.signal.aborted) end({ cancelled: true })
        else {
          onRefused(error)
          end({ error: toApiError(error) })
        }
      },
    )
  }
  return { ...state, run, cancel: () => abort.current?.abort() }
}
