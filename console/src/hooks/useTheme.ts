/** The theme: the system's, or the one chosen here. */
import { useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'

const key = 'tagwerk-theme'
const listeners = new Set<() => void>()

function current(): Theme {
  const theme = document.documentElement.dataset['theme']
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function choose(next: Theme) {
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  try {
    if (next === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, next)
  } catch {
    // Storage is blocked: the choice lasts until the page is left.
  }
  for (const listener of listeners) listener()
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, current), choose]
}

const system = typeof window === 'undefined' ? undefined : window.matchMedia('(prefers-color-scheme: dark)')

function subscribeScheme(listener: () => void): () => void {
  system?.addEventListener('change', listener)
  const stop = subscribe(listener)
  return () => {
    system?.removeEventListener('change', listener)
    stop()
  }
}

/** What is seen in the end, for what is drawn by hand. */
export function useScheme(): 'light' | 'dark' {
  return useSyncExternalStore(subscribeScheme, () => {
    const theme = current()
    return theme === 'system' ? (system?.matches === true ? 'dark' : 'light') : theme
  })
}
