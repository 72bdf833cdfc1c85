/** One trial at a time: the edge lets a user try one device at once, and a link bears no more. */
import { ApiError } from './errors'

/** How long another tab's trial, or one that was just given up, is waited for. */
const waitMaxMs = 20_000
const pauseMs = 300

let last: Promise<unknown> = Promise.resolve()

/** Runs `ask` when what was asked before has its answer; a trial that is no longer wanted gives its turn up. */
export function inTurn<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const mine = last.then(() => patient(ask, signal))
  last = mine.catch(() => {})
  return mine
}

async function patient<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const end = Date.now() + waitMaxMs
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      const busy = error instanceof ApiError && error.status === 409 && error.code === 'limit'
      if (!busy || Date.now() > end) throw error
      await new Promise((done) => setTimeout(done, pauseMs))
    }
  }
}
