import { expect, test } from 'vitest'

import type { Ledger } from '../src/api/ledger'
import { demo, parse } from './config'
import { MockEdge } from './edge'
import { ledgerOf } from './ledger'
import { Letters } from './letters'

const edge = new MockEdge()
edge.configure(parse(demo).devices)
const letters = new Letters(edge)
const now = Date.now()
const over = (hours: number, device: string | null = null) => ledgerOf(edge, letters, Math.floor(now / 60_000) * 60_000 - hours * 3_600_000, now, device, now)
const total = (causes: { samples: number }[]) => causes.reduce((sum, each) => sum + each.samples, 0)

function balances({ account, sinks, intervals }: Ledger) {
  expect(account.good + account.uncertain + total(account.bad) + account.suppressed + total(account.missed)).toBe(account.expected)
  for (const each of intervals) expect(each.good + each.uncertain + each.bad + each.suppressed + each.missed).toBe(each.expected)
  expect(intervals.reduce((sum, each) => sum + each.expected, 0)).toBe(account.expected)
  for (const sink of sinks) expect([sink.sink, sink.delivered + sink.pending + sink.rejected + total(sink.lost)]).toEqual([sink.sink, account.stored])
}

test('the sums balance, over an hour, a day, and a week with an outage and a loss', () => {
  for (const scenario of ['healthy', 'faults'] as const) {
    edge.setScenario(scenario)
    for (const hours of [1, 24, 168]) balances(over(hours))
  }
  edge.setScenario('healthy')
  expect(total(over(168).sinks[0]?.lost ?? [])).toBeGreaterThan(1_000)
  expect(over(1, 'packer-1').deviations).toEqual([])
})

test('a dead letter is refused until it is retried or given up', () => {
  edge.setScenario('faults')
  const refused = () => over(1).sinks[1]?.rejected ?? 0
  const before = refused()
  expect(before).toBeGreaterThan(10_000)
  const [first, second] = letters.waiting('mes')
  letters.end(JSON.stringify({ sink: 'mes', ids: [first?.id] }), 'delivered', 'anna')
  expect(refused()).toBe(before - (first?.samples ?? 0))
  letters.end(JSON.stringify({ sink: 'mes', ids: [second?.id] }), 'discarded', 'anna')
  expect(total(over(1).sinks[1]?.lost ?? [])).toBe(second?.samples)
  balances(over(1))
  edge.setScenario('healthy')
})
