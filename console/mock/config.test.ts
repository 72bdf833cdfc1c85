import { expect, test } from 'vitest'

import { starter } from '../src/lib/starter'
import { demo, diff, parse, withFormulas } from './config'

test('what the mock offers passes its own lint', () => {
  expect(parse(demo).findings).toEqual([])
  expect(parse(withFormulas).findings).toEqual([])
  expect(withFormulas.match(/formula:/g)).toHaveLength(3)
  expect(parse(starter('edge 1')).findings).toEqual([])
})

test('a wrong key is found at its line', () => {
  const broken = demo.replace('interval:', 'intervall:')
  const line = broken.split('\n').findIndex((each) => each.includes('intervall')) + 1
  expect(parse(broken).findings).toMatchObject([{ weight: 'error', line, remedy: 'Did you mean `interval`?' }])
})

test('a changed interval touches one device', () => {
  expect(diff(demo, demo.replace('interval: 1s', 'interval: 2s'))).toMatchObject({
    ok: true,
    changes: [{ path: 'devices[boiler-1].groups[fast].interval', before: '1s', after: '2s' }],
    effects: [{ device: 'boiler-1', kind: 'changes', groups: ['fast'] }],
  })
})
