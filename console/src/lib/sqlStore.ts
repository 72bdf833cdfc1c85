/** The query and those before it, kept for this tab. */
import type { Ran } from './sql'

const queryKey = 'tagwerk-sql'
const historyKey = 'tagwerk-sql-history'

export function loadQuery(): string | undefined {
  return sessionStorage.getItem(queryKey) ?? undefined
}

function save(key: string, text: string) {
  try {
    sessionStorage.setItem(key, text)
  } catch {
    // Too large for the browser's store: it lives as long as the page.
  }
}

export function saveQuery(text: string) {
  save(queryKey, text)
}

export function loadHistory(): Ran[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(historyKey) ?? '[]')
    return Array.isArray(stored) ? stored.filter((each): each is Ran => typeof each?.query === 'string' && typeof each.at === 'number' && typeof each.outcome === 'string') : []
  } catch {
    return []
  }
}

export function saveHistory(history: Ran[]) {
  save(historyKey, JSON.stringify(history))
}
