/** Events as they are kept on the page: newest first, each once, whichever way they came. */
import type { EdgeEvent, EventPage } from '../api/exchange'

export interface Kept {
  items: EdgeEvent[]
  /** give as `before` for older ones; null when there are none */
  next: number | null
}

/** Puts a page of the newest in front. When it does not reach what is kept, what lies between is missing: start anew. */
export function withNewest(kept: Kept | undefined, page: EventPage): Kept {
  if (kept === undefined || (kept.items.length === 0 && page.items.length > 0)) return { items: page.items, next: page.next }
  const newest = kept.items[0]?.seq ?? -1
  const fresh = page.items.filter((event) => event.seq > newest)
  if (fresh.length === 0) return kept
  if (page.next !== null && page.next > newest + 1) return { items: page.items, next: page.next }
  return { items: [...fresh, ...kept.items], next: kept.next }
}

export function withOlder(kept: Kept, page: EventPage): Kept {
  const oldest = kept.items.at(-1)?.seq ?? Infinity
  return { items: [...kept.items, ...page.items.filter((event) => event.seq < oldest)], next: page.next }
}
