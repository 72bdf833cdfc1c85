import { expect, test } from 'vitest'

import { axisNumber, bytes, count, enteredValue, plural, ticks } from './numbers'

test.each([
  ['8.5', 'float32', [4, 12], '8.5'],
  [' 12 ', 'float32', [4, 12], '12'],
  ['1e3', 'float64', undefined, '1000'],
  ['18446744073709551615', 'uint64', undefined, '18446744073709551615'],
  ['-9223372036854775808', 'int64', undefined, '-9223372036854775808'],
  ['+7', 'int16', undefined, '7'],
  ['true', 'bool', undefined, 'true'],
  ['say "hi"', 'text', undefined, '"say \\"hi\\""'],
] as const)('%s as %s is taken exactly', (typed, type, range, json) => {
  const entered = enteredValue(typed, type, range === undefined ? undefined : [range[0], range[1]])
  expect(entered).toMatchObject({ ok: true, json })
})

test.each([
  ['', 'float32', undefined, 'Enter a value.'],
  ['8,5', 'float32', undefined, 'point as the decimal sign'],
  ['3.9', 'float32', [4, 12], 'from 4 to 12'],
  ['12.01', 'float32', [4, 12], 'from 4 to 12'],
  ['1.5', 'uint16', undefined, 'whole number'],
  ['65536', 'uint16', undefined, 'between 0 and 65535'],
  ['18446744073709551616', 'uint64', undefined, 'between 0'],
  ['on', 'bool', undefined, 'on or off'],
  ['0x10', 'float64', undefined, 'Enter a number'],
  ['1e999', 'float64', undefined, 'too large'],
] as const)('%s as %s is refused', (typed, type, range, problem) => {
  const entered = enteredValue(typed, type, range === undefined ? undefined : [range[0], range[1]])
  expect(entered.ok ? '' : entered.problem).toContain(problem)
})

test('counts and sizes', () => {
  expect(count(1_304_113)).toBe('1\u202f304\u202f113')
  expect([plural(1, 'tag'), plural(0, 'tag'), plural(2, 'entry', 'entries')]).toEqual(['1 tag', '0 tags', '2 entries'])
  expect([bytes(0), bytes(999), bytes(61_300_000), bytes(2_000_000_000)]).toEqual(['0 B', '999 B', '61.3 MB', '2.0 GB'])
})

test('axes have round marks', () => {
  expect(ticks(7.13, 8.42, 5)).toEqual([7.5, 8])
  expect(ticks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100])
  expect(ticks(5, 5, 5)).toEqual([5])
  expect(axisNumber(0.30000000000000004, 0.1)).toBe('0.3')
  expect(axisNumber(9_007_199_254_740_000, 1e12)).toBe('9.01e+15')
})
