import { expect, test } from 'vitest'

import { nameProblem, proposeNames, tagNamePart, tagNameProblem } from './naming'

test.each([
  ['Drum pressure', 'Drum_pressure'],
  ['Füllstand (mm)', 'Füllstand_mm'],
  ['-3. Achse', '3._Achse'],
  ['温度', '温度'],
  ['***', 'tag'],
  ['__x__', 'x'],
])('%s becomes %s', (text, name) => {
  expect(tagNamePart(text)).toBe(name)
  expect(tagNameProblem(name)).toBeUndefined()
})

test('names are as short as tells them apart', () => {
  const paths = [['Boiler', 'Drum', 'Pressure'], ['Boiler', 'Drum', 'Level'], ['Boiler', 'Stack', 'Pressure']]
  expect(proposeNames(paths, new Set())).toEqual(['Drum.Pressure', 'Level', 'Stack.Pressure'])
})

test('names that the device has already are not used again', () => {
  expect(proposeNames([['Drum', 'Level'], ['Level']], new Set(['Level']))).toEqual(['Drum.Level', 'Level_2'])
})

test('equal paths are numbered', () => {
  expect(proposeNames([['a'], ['a'], ['a']], new Set(['a_2']))).toEqual(['a', 'a_3', 'a_4'])
})

test('the reserved name is avoided', () => {
  expect(proposeNames([['status']], new Set())).toEqual(['status_2'])
  expect(proposeNames([['Pump', 'status']], new Set())).toEqual(['Pump.status'])
})

test('a name that is too long keeps its end', () => {
  const long = 'ä'.repeat(200)
  const names = proposeNames([[`${long}x`], [`${long}x`]], new Set())
  for (const name of names) expect(tagNameProblem(name)).toBeUndefined()
  expect(new Set(names).size).toBe(2)
  expect(names[0]?.endsWith('x')).toBe(true)
})

test('a thousand equal leaves are named quickly', () => {
  const paths = Array.from({ length: 2_000 }, (_, index) => ['Root', `Motor ${index}`, 'Speed'])
  const names = proposeNames(paths, new Set())
  expect(new Set(names).size).toBe(2_000)
  expect(names[7]).toBe('Motor_7.Speed')
})

test('names of devices are ASCII', () => {
  expect(nameProblem('press-line')).toBeUndefined()
  expect(nameProblem('Kessel ä')).toMatch(/letters from a to z/)
  expect(nameProblem('')).toBe('Enter a name.')
})
