import { expect, test } from 'vitest'

import type { Sample, Severity } from '../api/types'
import { drawing, sampleAt, valueBounds } from './chart'

const sample = (second: number, value: unknown, quality: Severity = 'good'): Sample => ({
  time: new Date(second * 1000).toISOString(),
  value,
  text: value === null ? null : String(value),
  quality,
  code: 0,
})

test('a bad sample breaks the line and makes a band until the next one', () => {
  const drawn = drawing([sample(0, 1), sample(1, 2), sample(2, null, 'bad'), sample(7, 3)], 30_000, 10_000)
  expect(drawn.lines.map((line) => line.map((point) => point.value))).toEqual([[1, 2], [3]])
  expect(drawn.bands).toEqual([{ from: 2_000, to: 7_000, severity: 'bad' }])
  expect([drawn.low, drawn.high]).toEqual([1, 3])
})

test('bad samples in a row are one band; uncertain ones keep their line', () => {
  const drawn = drawing([sample(0, null, 'bad'), sample(1, null, 'bad'), sample(2, 5, 'uncertain')], 30_000, 3_000)
  expect(drawn.bands).toEqual([
    { from: 0, to: 2_000, severity: 'bad' },
    { from: 2_000, to: 3_000, severity: 'uncertain' },
  ])
  expect(drawn.lines).toHaveLength(1)
})

test('a long silence is a hold, not a slope', () => {
  const drawn = drawing([sample(0, 1), sample(100, 5)], 30_000, 110_000)
  expect(drawn.holds).toEqual([{ from: 0, to: 100_000, value: 1 }])
  expect(drawn.lines).toHaveLength(2)
})

test('text is not drawn, booleans are', () => {
  expect(drawing([sample(0, 'Flakes')], 30_000, 1_000).lines).toEqual([])
  expect(drawing([sample(0, true), sample(1, false)], 30_000, 2_000).lines[0]?.map((point) => point.value)).toEqual([1, 0])
})

test('the cursor finds the sample that holds', () => {
  const samples = [sample(0, 1), sample(5, 2), sample(9, 3)]
  expect([-1, 0, 4_999, 5_000, 20_000].map((time) => sampleAt(samples, time))).toEqual([0, 0, 0, 1, 2])
})

test('a flat line lies in the middle', () => {
  expect(valueBounds(8, 8)).toEqual([7.2, 8.8])
  expect(valueBounds(0, 0)).toEqual([-1, 1])
})
