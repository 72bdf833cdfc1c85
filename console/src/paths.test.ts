import { expect, test } from 'vitest'

import { paths, safeNext } from './paths'

test('names are escaped in addresses', () => {
  expect(paths.tag('halle 2/kessel', 'Füll#stand')).toBe('/devices/halle%202%2Fkessel?tag=F%C3%BCll%23stand')
})

test.each([
  ['/devices/boiler-1?tag=a', '/devices/boiler-1?tag=a'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/login?next=/', '/'],
  [null, '/'],
])('after login %s leads to %s', (next, path) => expect(safeNext(next)).toBe(path))
