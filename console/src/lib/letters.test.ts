import { expect, test } from 'vitest'

import type { DeadLetter } from '../api/ledger'
import { choicesOf, howMany, isChosen, none, pageTurned, turned, type Chosen } from './letters'

const letter = (id: string, sink: string, retriable = true): DeadLetter => ({ id, sink, time: '2026-11-20T14:00:00Z', reason: 'no', device: 'd', group: 'g', samples: 10, tries: 1, retriable })
const page = [letter('1', 'a'), letter('2', 'a', false), letter('1', 'b')]
const [first, second, third] = page
if (first === undefined || second === undefined || third === undefined) throw new Error('three letters')

test('letters are chosen one by one, by the page, and all of a sink', () => {
  const one = turned(none, first, page)
  expect(page.map((each) => isChosen(one, each))).toEqual([true, false, false])
  expect(turned(one, first, page)).toEqual(none)
  const whole = pageTurned(one, page)
  expect(howMany(whole)).toBe(3)
  expect(pageTurned(whole, page)).toEqual(none)
  const all: Chosen = { all: true, sink: 'a', letters: 40 }
  expect([howMany(all), isChosen(all, first), isChosen(all, third)]).toEqual([40, true, false])
  expect(turned(all, first, page)).toEqual({ all: false, letters: [second] })
})

test('the edge is asked once for each sink, and for all of one without names', () => {
  const whole = pageTurned(none, page)
  expect(choicesOf(whole)).toEqual([{ sink: 'a', ids: ['1', '2'] }, { sink: 'b', ids: ['1'] }])
  expect(choicesOf(whole, (each) => each.retriable)).toEqual([{ sink: 'a', ids: ['1'] }, { sink: 'b', ids: ['1'] }])
  expect(choicesOf({ all: true, sink: 'a', letters: 40 })).toEqual([{ sink: 'a' }])
  expect(choicesOf(none)).toEqual([])
})
