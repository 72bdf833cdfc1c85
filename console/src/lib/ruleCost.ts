/** What rules cost: the edge counts seconds of work; what they come to per second is told from answer to answer. */

interface Point {
  at: number
  busy: number
}

export interface Cost {
  at: number
  /** of one core */
  share: number
}

const pointsMost = 900
const rulesMost = 2_000
/** Shorter ones tell more of chance than of the rule. */
const windowMs = 20_000

const kept = new Map<string, Point[]>()

/** Called with every answer of the edge. */
export function noteCost(rules: readonly { name: string; busy_seconds: number }[], at: number) {
  for (const { name, busy_seconds: busy } of rules) {
    const points = kept.get(name) ?? []
    kept.delete(name)
    const last = points.at(-1)
    // A rule that was started anew counts from nothing.
    const fresh = last !== undefined && busy < last.busy ? [] : points
    if (last === undefined || fresh.length === 0 || at - last.at >= 500) fresh.push({ at, busy })
    if (fresh.length > pointsMost) fresh.splice(0, fresh.length - pointsMost)
    kept.set(name, fresh)
  }
  for (const name of kept.keys()) {
    if (kept.size <= rulesMost) break
    kept.delete(name)
  }
}

/** The share of one core over the last seconds; nothing until there were two answers. */
export function shareOf(name: string): number | undefined {
  const points = kept.get(name) ?? []
  const last = points.at(-1)
  if (last === undefined) return undefined
  const first = points.find((each) => last.at - each.at <= windowMs)
  return first === undefined || first.at >= last.at ? undefined : ((last.busy - first.busy) * 1_000) / (last.at - first.at)
}

export function costs(name: string): Cost[] {
  const points = kept.get(name) ?? []
  return points.slice(1).map((point, index) => {
    const before = points[index] ?? point
    return { at: point.at, share: point.at === before.at ? 0 : ((point.busy - before.busy) * 1_000) / (point.at - before.at) }
  })
}

export function forgetCosts() {
  kept.clear()
}
