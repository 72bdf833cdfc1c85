/** A tag as listed, overlaid by what the live stream said later. */
import type { LiveValue } from '../api/live'
import type { Severity, Tag } from '../api/types'

export interface Reading {
  text: string | null
  value: unknown
  severity: Severity
  reason: string
  stale: boolean
  ageMs: number | null
  changes: number
}

/** Listings come every 3 s; one older than this means that the edge does not answer. */
const listingMaxMs = 12_000

/** The edge calls a value stale when it is older than this (at least 2 s). */
export function staleAfterMs(intervalMs: number): number {
  return Math.max(2_000, 3 * intervalMs)
}

/**
 * `listedAt`, `now` and `readAt`: when the listing came, this tick, and when the tag's group was last read
 * as far as the live stream told, all by this browser's clock.
 */
export function reading(
  tag: Tag,
  listedAt: number,
  live: LiveValue | undefined,
  now: number,
  readAt?: number,
): Reading {
  const sinceRead = readAt === undefined ? Infinity : Math.max(0, now - readAt)
  const age = (ageMs: number | null, at: number) =>
    ageMs === null ? null : Math.min(ageMs + Math.max(0, now - at), sinceRead)
  const listedAge = age(tag.age_ms, listedAt)
  const liveIsNewer = live !== undefined && (tag.time === null || (live.time !== null && live.time >= tag.time))
  if (!liveIsNewer) {
    return {
      text: tag.text,
      value: tag.value,
      severity: tag.quality.severity,
      reason: tag.quality.reason,
      stale: isStale(tag, listedAge, now - listedAt),
      ageMs: listedAge,
      changes: live?.changes ?? 0,
    }
  }
  const ageMs = age(live.age_ms, live.receivedAt)
  return {
    text: live.text,
    value: live.value,
    severity: live.quality,
    reason: live.reason ?? (live.code === tag.quality.code ? tag.quality.reason : ''),
    stale: isStale(tag, ageMs, now - listedAt),
    ageMs,
    changes: live.changes,
  }
}

/** The edge decides: it knows which tags are sent on change only. Without news of it, the clock does. */
function isStale(tag: Tag, ageMs: number | null, listingAgeMs: number): boolean {
  if (listingAgeMs < listingMaxMs) return tag.stale
  return tag.stale || (tag.access !== 'write' && ageMs !== null && ageMs > staleAfterMs(tag.interval_ms))
}

export function withUnit(text: string | null, unit: string | undefined): string {
  if (text === null) return '–'
  return unit === undefined || unit === '' ? text : `${text} ${unit}`
}

export function writable(tag: Tag): boolean {
  return tag.access !== 'read'
}
