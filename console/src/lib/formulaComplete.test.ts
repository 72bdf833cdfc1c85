import { expect, test } from 'vitest'

import { formulaFunctions, formulaProposals } from './formulaComplete'

const tags = [
  { device: 'boiler-2', name: 'steam', type: 'float64', unit: 't/h' },
  { device: 'boiler-1', name: 'steam', type: 'float64' },
  { device: 'boiler-1', name: 'Drum-level', type: 'int16' },
]
const history = ['time_bucket', 'avg', 'scale', 'round'].map((name) => ({ name, signature: `${name}(x)`, description: '', example: `${name}(x)` }))
const functions = formulaFunctions(history)

/** `|` is where the cursor stands. */
const at = (marked: string, asked = false) => formulaProposals(marked.replace('|', ''), marked.indexOf('|'), 'boiler-1', tags, functions, asked)
const labels = (marked: string, asked = false) => at(marked, asked)?.proposals.map((each) => each.label)

test('tags of the device come first, then those of others with their device, then functions', () => {
  expect(labels('st|')?.slice(0, 4)).toEqual(['steam', '"Drum-level"', '"boiler-2/steam"', 'coalesce()'])
  expect(at('2 * "boiler-2/st|')?.from).toBe(4)
  expect(labels('|')).toBeUndefined()
  expect(labels('|', true)).toContain('"boiler-2/steam"')
})

test('behind a device and a point stand its tags', () => {
  expect(labels('"boiler-2".|')).toEqual(['steam'])
  expect(labels('"boiler-1".d|')).toContain('"Drum-level"')
  expect(labels('nobody.|')).toBeUndefined()
})

test('what needs more than one moment is not proposed, and nothing in texts', () => {
  const names = functions.map((each) => each.name)
  expect(names).toEqual(expect.arrayContaining(['coalesce', 'scale', 'time_bucket']))
  expect(names).not.toContain('avg')
  expect(names.filter((each) => each === 'round')).toHaveLength(1)
  expect(labels("'st|")).toBeUndefined()
})
