/** One query at a time: run, cancelled, answered or refused. */
import { useEffect, useRef, useState } from 'react'

import { api } from '../api/client'
import { toApiError, type ApiError } from '../api/errors'
import type { SqlTextAnswer } from '../api/history'
import { onRefused } from '../api/queries'
import { plural } from '../lib/numbers'
import { remembered, type Ran } from '../lib/sql'
import { loadHistory, saveHistory } from '../lib/sqlStore'

interface State {
  query: string
  running: boolean
  cancelled: boolean
  at: number
  elapsedMs: number
  answer: SqlTextAnswer | undefined
  error: ApiError | undefined
}

const idle: State = { query: '', running: false, cancelled: false, at: 0, elapsedMs: 0, answer: undefined, error: undefined }

export interface Sql extends State {
  history: Ran[]
  run: (query: string, rows: number) => void
  cancel: () => void
}

/** The edge stops the work when the connection is closed. */
const timeoutMs = 60_000

export function useSql(): Sql {
  const [state, setState] = useState(idle)
  const [history, setHistory] = useState(loadHistory)
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])
  useEffect(() => saveHistory(history), [history])
  const { running, at } = state
  useEffect(() => {
    if (!running) return
    const timer = window.setInterval(() => setState((before) => ({ ...before, elapsedMs: Date.now() - at })), 100)
    return () => window.clearInterval(timer)
  }, [running, at])

  const run = (query: string, rows: number) => {
    const mine = new AbortController()
    abort.current?.abort()
    abort.current = mine
    const began = Date.now()
    setState({ ...idle, query, running: true, at: began })
    const end = (outcome: string, more: Partial<State>) => {
      if (abort.current !== mine) return
      setState((before) => ({ ...before, running: false, elapsedMs: Date.now() - began, ...more }))
      setHistory((before) => remembered(before, { query, at: began, outcome }))
    }
    api.sql({ query, rows, timeout_ms: timeoutMs }, mine.signal).then(
      (answer) => end(plural(answer.rows.length, 'row'), { answer }),
      (error: unknown) => {
        if (mine.signal.aborted) end('cancelled', { cancelled: true })
        else {
          onRefused(error)
          end('failed', { error: toApiError(error) })
        }
      },
    )
  }
  return { ...state, history, run, cancel: () => abort.current?.abort() }
}
