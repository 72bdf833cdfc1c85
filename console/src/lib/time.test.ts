import { expect, test } from 'vitest'

import { age, duration, interval } from './time'

test.each([
  [0, '0 ms'],
  [0.34, '0.3 ms'],
  [7, '7 ms'],
  [850, '850 ms'],
  [4_290, '4.2 s'],
  [59_999, '59 s'],
  [185_000, '3 min 5 s'],
  [7_200_000, '2 h'],
  [442_800_000, '5 d 3 h'],
  [-1, '–'],
])('%d ms', (ms, text) => expect(duration(ms)).toBe(text))

test('ages tick in whole seconds', () => {
  expect([age(null), age(999), age(1_999), age(61_000)]).toEqual(['never', '< 1 s', '1 s', '1 min 1 s'])
})

test('intervals keep what was configured', () => {
  expect([interval(250), interval(1_500), interval(300_000), interval(3_600_000)]).toEqual(['250 ms', '1.5 s', '5 min', '1 h'])
})
