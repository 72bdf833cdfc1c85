import { expect, test } from 'vitest'

import { deviceOf, emptyPlan, groupsOf, pickOf, pickProblems, withPicks } from './commission'

const node = (name: string, address: string) => ({ id: address, name, inside: false, address, type: 'float64', write: true, description: null, unit: 'bar', value: 1 })

test('a subtree becomes tags with names of their own, once', () => {
  const nodes = [node('Speed', 'a'), node('Speed', 'b')]
  const paths = [['Drive 1', 'Speed'], ['Drive 2', 'Speed']]
  const once = withPicks(emptyPlan(), nodes.map(pickOf), paths, new Set(['Drive_2.Speed']))
  expect(once.picks.map((pick) => [pick.key, pick.name, pick.address, pick.group])).toEqual([
    [1, 'Drive_1.Speed', 'a', 'main'],
    [2, 'Drive_2.Speed_2', 'b', 'main'],
  ])
  expect(withPicks(once, nodes.map(pickOf), paths, new Set()).picks).toHaveLength(2)
})

test('the device holds what the document needs, and no more', () => {
  const plan = { ...withPicks(emptyPlan(), [pickOf(node('P', 'a'))], [['P']], new Set()), driver: 'opcua', settings: { endpoint: 'x', port: undefined }, name: 'press' }
  expect(deviceOf(plan)).toEqual({
    name: 'press',
    driver: 'opcua',
    settings: { endpoint: 'x' },
    groups: [{ name: 'main', interval: '1s', tags: [{ name: 'P', address: 'a', type: 'float64', unit: 'bar' }] }],
  })
  expect(deviceOf({ ...emptyPlan(), source: 'template', template: 'meter', parameters: { host: 'a' }, name: 'm1' })).toEqual({ name: 'm1', template: 'meter', parameters: { host: 'a' } })
  expect(groupsOf(emptyPlan())).toEqual([])
})

test('problems of picks are told by their key', () => {
  const plan = withPicks(emptyPlan(), [{ name: 'a', address: '', type: '' }, pickOf(node('b', 'x'))], [['a'], ['b']], new Set())
  expect(pickProblems(plan, new Set(['b']))).toEqual(
    new Map([
      [1, { name: undefined, address: 'Enter an address.', type: 'Choose a type.' }],
      [2, { name: 'The device has a tag of this name already.', address: undefined, type: undefined }],
    ]),
  )
})
