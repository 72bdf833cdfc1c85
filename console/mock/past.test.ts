import { expect, test } from 'vitest'

import { demo, parse } from './config'
import { MockEdge } from './edge'

const edge = new MockEdge()
edge.configure(parse(demo).devices)
const device = edge.devices[0]
// Read every ten seconds, so that days of it are looked through quickly.
const tag = device?.tags.get('flue_gas_temperature')
if (device === undefined || tag === undefined) throw new Error('the demo has no boiler')
const day = 86_400_000
const over = (from: number, to: number, points: number) => edge.samples(device, tag, from, to, points)

test('a month answers at once, thinned, in order, within the bound', () => {
  const month = over(device.bornAt - 30 * day, device.bornAt, 2_000)
  expect(month.thinned).toBe(true)
  expect(month.samples.length).toBeGreaterThan(1_000)
  expect(month.samples.length).toBeLessThan(2_400)
  expect(month.samples.map((sample) => sample.time)).toEqual(month.samples.map((sample) => sample.time).toSorted())
  expect(month.samples.some((sample) => sample.quality === 'bad')).toBe(true)
  expect(month.samples.some((sample) => sample.quality === 'uncertain')).toBe(true)
})

test('thinning keeps the spikes that every sample shows', () => {
  const [from, to] = [device.bornAt - 7 * day, device.bornAt - 2 * day]
  const high = (samples: { value: unknown }[]) => samples.reduce((most, sample) => Math.max(most, Number(sample.value ?? 0)), 0)
  const raw = over(from, to, 200_000)
  expect(raw.thinned).toBe(false)
  expect(high(raw.samples)).toBeGreaterThan(200)
  expect(high(over(from, to, 400).samples)).toBe(high(raw.samples))
})
