/** The query and those before it, kept for this tab. */
import type { Ran } from './sql'
import { loadKept, saveKept } from './tabStore'

const queryKey = 'tagwerk-sql'
const historyKey = 'tagwerk-sql-history'

export function loadQuery(): string | undefined {
  const stored = loadKept(queryKey)
  return typeof stored === 'string' ? stored : undefined
}

export function saveQuery(text: string) {
  saveKept(queryKey, text)
}

export function loadHistory(): Ran[] {
  const stored = loadKept(historyKey)
  return Array.isArray(stored) ? stored.filter((each): each is Ran => typeof each?.query === 'string' && typeof each.at === 'number' && typeof each.outcome === 'string') : []
}

export function saveHistory(history: Ran[]) {
  saveKept(historyKey, history)
}
