/** What is to be exported: the tags of a pattern, and the time; or what is wrong with either. */

export const tagsMost = 100

/** Patterns as sinks have them: `device/tag` or `device/group/tag`, with `*` and `?`. */
export function patternsIn(text: string): { patterns: string[]; problem: string | undefined } {
  const found = [...new Set(text.split(/[\s,;]+/).filter((each) => each !== ''))]
  const patterns = found.includes('*') ? [] : found
  const wrong = patterns.find((each) => !/^[^/]+(\/[^/]+){1,2}$/.test(each))
  if (found.length === 0) return { patterns, problem: 'Enter a pattern, or * for all tags.' }
  if (wrong !== undefined) return { patterns, problem: `${wrong} is no pattern: write device/tag, such as boiler-1/* or */temperature.` }
  if (patterns.length > tagsMost) return { patterns, problem: `These are ${patterns.length} patterns, more than ${tagsMost}. Put them together with *.` }
  return { patterns, problem: undefined }
}

export const exportSpans = [
  ['24h', 'Last 24 h', 86_400_000],
  ['7d', 'Last 7 d', 604_800_000],
  ['30d', 'Last 30 d', 2_592_000_000],
  ['all', 'All that is kept', undefined],
  ['own', 'Own range', undefined],
] as const

export type ExportSpan = (typeof exportSpans)[number][0]

export interface OwnTimes {
  from: string
  to: string
}

const instant = (time: number) => new Date(time).toISOString()

/** Both ends as RFC 3339, the first included and the last not. */
export function exportRange(span: ExportSpan, own: OwnTimes, oldest: string | null, now: number): { from: string; to: string } | { problem: string } {
  if (span === 'own') {
    const [from, to] = [Date.parse(own.from), Date.parse(own.to)]
    if (!Number.isFinite(from) || !Number.isFinite(to)) return { problem: 'Enter a day and a time in both fields.' }
    return from < to ? { from: instant(from), to: instant(to) } : { problem: 'The end must lie after the beginning.' }
  }
  if (span === 'all') return { from: oldest ?? instant(0), to: instant(now) }
  const ms = exportSpans.find(([key]) => key === span)?.[2] ?? 0
  return { from: instant(now - ms), to: instant(now) }
}
