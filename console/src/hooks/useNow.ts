/** A clock that ticks once a second for everything on the page together. */
import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
let now = Date.now()
let timer: number | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= window.setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 1_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      window.clearInterval(timer)
      timer = undefined
    }
  }
}

/** Date.now() of the last tick. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

/** Milliseconds since a moment told by the edge; browser and edge clocks may differ by a little. */
export function useSince(time: string): number {
  return Math.max(0, useNow() - Date.parse(time))
}
