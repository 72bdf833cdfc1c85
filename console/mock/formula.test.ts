import { expect, test } from 'vitest'

import { checkFormula, type Field, type Seen } from './formula'

const good = { severity: 'good' as const, code: 0, name: 'Good', reason: 'good' }
const tag = (value: number | boolean | null, type = 'float64'): Seen => ({ value, text: value === null ? null : String(value), type, quality: value === null ? { severity: 'bad', code: 1, name: 'Bad', reason: 'broken' } : good })
const plant: Record<string, Record<string, Seen>> = {
  'boiler-1': { steam: tag(10), fuel: tag(4), broken: tag(null), burning: tag(true, 'bool') },
  'boiler-2': { steam: tag(2) },
}
const field: Field = { devices: () => Object.keys(plant), tags: (device) => Object.keys(plant[device] ?? {}), seen: (device, name) => plant[device]?.[name] }
const check = (formula: string, type = 'float64') => checkFormula({ device: 'boiler-1', formula, type }, field)

test.each([
  ['steam / fuel', '2.5'],
  ['-(steam - 4) * 2', '-12'],
  ['steam + "boiler-2/steam" + "boiler-2".steam', '14'],
  ['coalesce(broken, 1) + 1', '2'],
  ['round(steam / 3, 1)', '3.3'],
])('%s gives %s', (formula, text) => {
  expect(check(formula)).toMatchObject({ findings: [], text, quality: { severity: 'good' } })
})

test('what is bad makes it bad, with a reason', () => {
  expect(check('steam / broken')).toMatchObject({ value: null, quality: { severity: 'bad' }, reason: 'boiler-1/broken is bad' })
  expect(check('steam / (fuel - 4)')).toMatchObject({ value: null, reason: 'it is no finite number' })
  expect(check('coalesce(broken, steam)').inputs.map((input) => input.may_be_bad)).toEqual([true, true])
})

test.each([
  ['1 +\n  steem', 2, 3, /no tag/, 'Did you mean `steam`?'],
  ['steam / "boiler-3/steam"', 1, 9, /no device/, 'Did you mean `"boiler-1/steam"`?'],
  ['steam /', 1, 8, /too early/, 'Write what comes after the operator.'],
  ['steam fuel', 1, 7, /not expected/, 'Put an operator such as + before it, or remove it.'],
  ['(steam', 1, 1, /not closed/, 'Write `)` where it ends.'],
  ['steam > 5', 1, 1, /gives bool/, 'Choose the type bool, or cast what the formula gives.'],
  ['lag(steam)', 1, 1, /more than one moment/, 'A rule can remember: write one, and read its output.'],
])('the mistake in %s has its place', (formula, line, column, problem, remedy) => {
  expect(check(formula).findings).toMatchObject([{ line, column, problem: expect.stringMatching(problem), remedy }])
})
