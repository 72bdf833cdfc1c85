import { expect, test } from 'vitest'

import type { Deviation, Ledger, SinkAccount } from '../api/ledger'
import { endAfter, endsOf, ledgerCsv, ledgerRange, readingOf, verdictOf, waitsLong, worstSink } from './ledger'
import { axisCount, heights } from './ledgerDraw'

const now = Date.parse('2026-11-20T15:00:00Z')
const hour = { live: true, key: '1h', spanMs: 3_600_000 } as const

const sink = (name: string, more: Partial<SinkAccount> = {}): SinkAccount => ({ sink: name, state: 'connected', expected: 36_000, delivered: 36_000, pending: 0, pending_since: null, rejected: 0, lost: [], doing: null, ...more })

const ledger = (more: Partial<Ledger> = {}): Ledger => ({
  from: '2026-11-20T14:00:00Z',
  to: '2026-11-20T15:00:00Z',
  known_from: '2026-11-01T00:00:00Z',
  account: { expected: 36_000, good: 36_000, uncertain: 0, bad: [], suppressed: 0, missed: [], stored: 36_000 },
  sinks: [sink('cloud'), sink('mes')],
  interval_s: 60,
  intervals: [{ time: '2026-11-20T14:00:00Z', expected: 600, good: 588, uncertain: 0, bad: 2, suppressed: 0, missed: 10, sinks: [{ sink: 'cloud', delivered: 590, pending: 0, rejected: 0, lost: 0 }] }],
  deviations: [],
  more_deviations: 0,
  ...more,
})

const outage: Deviation = { kind: 'missed', device: 'boiler-1', group: 'fast', sink: null, from: '2026-11-20T14:02:00Z', to: '2026-11-20T14:05:00Z', open: false, reason: 'BadTimeout', text: 'the device did not answer', samples: 1_240, doing: null }

const spaced = (text: string) => text.replaceAll('\u202f', ',')
const check = (given: Partial<Ledger>) => {
  const { tone, title, why, figures } = verdictOf(ledger(given), hour, now)
  return [tone, spaced(title), spaced(why).replaceAll(/\d+ Nov 2026, \d\d:\d\d|\d\d:\d\d(:\d\d)?/g, 'T'), spaced(figures)]
}

test('nothing is missing', () => {
  expect(check({})).toEqual(['good', 'Nothing is missing in the last hour.', '', '36,000 samples expected, 36,000 stored, 36,000 delivered to 2 sinks.'])
})

test('a batch on its way is no backlog, an hour of them is', () => {
  const fresh = sink('cloud', { delivered: 35_990, pending: 10, pending_since: '2026-11-20T14:59:59Z' })
  expect(waitsLong(fresh, now)).toBe(false)
  expect(check({ sinks: [fresh] })[0]).toBe('good')
  const long = sink('cloud', { state: 'retrying', delivered: 6_000, pending: 30_000, pending_since: '2026-11-20T14:10:00Z' })
  expect(check({ sinks: [long, sink('mes')] })).toEqual([
    'warn',
    'Nothing is missing in the last hour, but not all of it is delivered yet.',
    '30,000 samples wait for cloud, the oldest since T.',
    '36,000 samples expected, 36,000 stored, 6,000 delivered to cloud, 36,000 delivered to mes.',
  ])
})

test('what is missing comes first, with the gravest reason and what else there is', () => {
  const account = { ...ledger().account, good: 34_459, missed: [{ reason: 'BadTimeout', text: 'the device did not answer', samples: 1_240 }], bad: [{ reason: 'BadDeviceFailure', text: 'a failure', samples: 1 }], suppressed: 300, stored: 34_460 }
  const lost = sink('cloud', { lost: [{ reason: 'backlog', text: 'full', samples: 12 }] })
  expect(check({ account, sinks: [lost], deviations: [{ ...outage, samples: 3, text: 'smaller' }, outage] })).toEqual([
    'warn',
    '1,240 samples were not read, 1 was stored without a value and 12 were lost on the way to cloud in the last hour.',
    'boiler-1, group fast: the device did not answer, T to T (3 min). 1 other stretch is listed below.',
    '36,000 samples expected, 34,460 stored, 300 unchanged and left out, 36,000 delivered to cloud.',
  ])
  const open = { ...outage, open: true, samples: 2 }
  expect(check({ account, deviations: [outage, open], more_deviations: 4 }).slice(0, 3)).toEqual([
    'bad',
    '1,240 samples were not read and 1 was stored without a value in the last hour.',
    'boiler-1, group fast: the device did not answer, since T (3 min). 5 other stretches are listed below.',
  ])
})

test('what was refused is not lost: it waits for a decision', () => {
  expect(check({ sinks: [sink('mes', { delivered: 35_000, rejected: 1_000 })] }).slice(0, 3)).toEqual(['warn', '1,000 samples were refused by mes in the last hour.', 'What mes refused is kept as dead letters, until someone retries or discards them.'])
})

test('who listens hears the verdict, not every figure that moves', () => {
  const account = { ...ledger().account, missed: [{ reason: 'late', text: 'late', samples: 3 }] }
  expect(verdictOf(ledger({ account, deviations: [{ ...outage, open: true }] }), hour, now).spoken).toBe('Something is missing, and it goes on.')
  expect([{}, { account }].map((given) => verdictOf(ledger(given), hour, now).spoken)).toEqual(['Nothing is missing.', 'Something is missing; what caused it is over.'])
})

const day = (date: number, hours: number) => new Date(2020, 0, date, hours).toISOString()

test('the end of a stretch tells the day only where it is another', () => {
  expect(endAfter(day(5, 9), day(5, 10))).toBe('10:00')
  expect(endAfter(day(5, 9), day(6, 10))).toBe('6 Jan 2020, 10:00')
})

test('an hour without any duty is no success', () => {
  const none = { expected: 0, good: 0, uncertain: 0, bad: [], suppressed: 0, missed: [], stored: 0 }
  expect(check({ account: none })).toEqual(['info', 'Nothing was expected in the last hour.', '', ''])
})

test('the sink that lost something is shown before one that waits', () => {
  expect(worstSink([sink('a'), sink('b', { pending: 900 }), sink('c', { lost: [{ reason: 'backlog', text: '', samples: 1 }] })])).toBe('c')
  expect(worstSink([])).toBeUndefined()
})

test('an interval is read out with what is not zero', () => {
  const [first] = ledger().intervals
  if (first === undefined) throw new Error('no interval')
  expect(readingOf(first, now, 'cloud')).toMatchObject({ stored: '600 expected, 588 good, 2 without a value, 10 not read', sent: 'cloud: 590 delivered' })
  expect(readingOf(first, now, 'gone').sent).toBe('gone: nothing')
})

test('a cut interval ends where the next begins, the last no later than the range', () => {
  const [first] = ledger().intervals
  if (first === undefined) throw new Error('no interval')
  const cut = ledger({ to: '2026-11-20T14:01:30Z', intervals: [{ ...first, time: '2026-11-20T14:00:20Z' }, { ...first, time: '2026-11-20T14:01:00Z' }] })
  expect(endsOf(cut).map((end) => new Date(end).toISOString())).toEqual(['2026-11-20T14:01:00.000Z', '2026-11-20T14:01:30.000Z'])
})

test('the export has a line an interval, and four columns a sink', () => {
  expect(ledgerCsv(ledger())).toBe(
    'time,seconds,expected,good,suppressed,uncertain,bad,missed,cloud delivered,cloud pending,cloud rejected,cloud lost,mes delivered,mes pending,mes rejected,mes lost\r\n2026-11-20T14:00:00Z,60,600,588,0,0,2,10,590,0,0,0,0,0,0,0\r\n',
  )
})

test('the range is in the address; an hour unless told', () => {
  expect(ledgerRange(new URLSearchParams())).toEqual(hour)
  expect(ledgerRange(new URLSearchParams('span=7d'))).toMatchObject({ live: true, key: '7d' })
  expect(ledgerRange(new URLSearchParams('span=30d'))).toEqual(hour)
  expect(ledgerRange(new URLSearchParams('from=2026-11-20T14:00:00Z&to=2026-11-20T15:00:00Z'))).toMatchObject({ live: false })
})

test('one missing sample among a million can be seen, and the column keeps its height', () => {
  const high = heights([{ look: 'well', samples: 999_999 }, { look: 'calm', samples: 0 }, { look: 'gone', samples: 1 }], 0.0002)
  expect(high[2]).toBe(3)
  expect(high.reduce((sum, each) => sum + each, 0)).toBeCloseTo(200)
  expect(heights([{ look: 'well', samples: 0 }, { look: 'gone', samples: 1 }], 0.1)).toEqual([0, 3])
  expect([0, 600, 9_999, 12_000, 2_500_000].map(axisCount)).toEqual(['0', '600', '9999', '12k', '2.5M'])
})
