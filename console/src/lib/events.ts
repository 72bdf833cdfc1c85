/** Events as they are kept on the page: newest first, each once, whichever way they came. */
import type { EdgeEvent } from '../api/exchange'

/** What has a number that only grows; events are such. */
export interface Numbered {
  seq: number
}

export interface Kept<T extends Numbered = EdgeEvent> {
  items: T[]
  /** give as `before` for older ones; null when there are none */
  next: number | null
}

/** Puts a page of the newest in front. When it does not reach what is kept, what lies between is missing: start anew. */
export function withNewest<T extends Numbered>(kept: Kept<T> | undefined, page: Kept<T>): Kept<T> {
  if (kept === undefined || (kept.items.length === 0 && page.items.length > 0)) return { items: page.items, next: page.next }
  const newest = kept.items[0]?.seq ?? -1
  const fresh = page.items.filter((event) => event.seq > newest)
  if (fresh.length === 0) return kept
  if (page.next !== null && page.next > newest + 1) return { items: page.items, next: page.next }
  return { items: [...fresh, ...kept.items], next: kept.next }
}

export function withOlder<T extends Numbered>(kept: Kept<T>, page: Kept<T>): Kept<T> {
  const oldest = kept.items.at(-1)?.seq ?? Infinity
  return { items: [...kept.items, ...page.items.filter((event) => event.seq < oldest)], next: page.next }
}
