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

/** The edge calls a value stale when it is older than this (at least 2 s). */
export function staleAfterMs(intervalMs: number): number {
  return Math.max(2_000, 3 * intervalMs)
}

/** `listedAt` and `now`: when the listing came and this tick, both by this browser's clock. */
export function reading(tag: Tag, listedAt: number, live: LiveValue | undefined, now: number): Reading {
  const listedAge = tag.age_ms === null ? null : tag.age_ms + Math.max(0, now - listedAt)
  const liveIsNewer = live !== undefined && (tag.time === null || (live.time !== null && live.time >= tag.time))
  if (!liveIsNewer) {
    return {
      text: tag.text,
      value: tag.value,
      severity: tag.quality.severity,
      reason: tag.quality.reason,
      stale: isStale(tag, listedAge),
      ageMs: listedAge,
      changes: live?.changes ?? 0,
    }
  }
  const ageMs = live.age_ms === null ? null : live.age_ms + Math.max(0, now - live.receivedAt)
  return {
    text: live.text,
    value: live.value,
    severity: live.quality,
    reason: live.reason ?? (live.code === tag.quality.code ? tag.quality.reason : ''),
    stale: isStale(tag, ageMs),
    ageMs,
    changes: live.changes,
  }
}

function isStale(tag: Tag, ageMs: number | null): boolean {
  // Half a second of grace: the value is on its way here while the age ticks.
  return tag.access !== 'write' && ageMs !== null && ageMs > staleAfterMs(tag.interval_ms) + 3_500
}

export function withUnit(text: string | null, unit: string | undefined): string {
  if (text === null) return '–'
  return unit === undefined || unit === '' ? text : `${text} ${unit}`
}

export function writable(tag: Tag): boolean {
  return tag.access !== 'read'
}
