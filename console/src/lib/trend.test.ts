import { expect, test } from 'vitest'

import type { Sample, Severity } from '../api/types'
import { csvOf, figuresOf, indexAt, nextTime, panned, rangeOf, seriesOf, shapeOf, stretches, tagsOf, thinnedTo, timeMarks, withRange, withTags, zoomed } from './trend'
import { boundsOf, layoutOf, type Line } from './trendLayout'

const sample = (second: number, value: unknown, quality: Severity = 'good'): Sample => ({
  time: new Date(second * 1_000).toISOString(),
  value,
  text: value === null ? null : String(value),
  quality,
  code: 0,
})

const line = (number: number, unit: string, type: string, samples: Sample[]): Line => ({ number, name: `t${number}`, unit, series: seriesOf(samples, [], type), quietMs: 30_000 })

test('tags and range are in the address, and survive a round trip', () => {
  const search = withTags(new URLSearchParams('other=1'), [{ device: 'a', tag: 'x' }, { device: 'b-2', tag: 'Größe_ü' }])
  expect(tagsOf(new URLSearchParams(search.toString()))).toEqual([{ device: 'a', tag: 'x' }, { device: 'b-2', tag: 'Größe_ü' }])
  expect(rangeOf(search)).toEqual({ live: true, key: '1h', spanMs: 3_600_000 })
  const fixed = withRange(search, { live: false, from: 1_000, to: 61_000 })
  expect(rangeOf(fixed)).toEqual({ live: false, from: 1_000, to: 61_000 })
  expect(fixed.get('other')).toBe('1')
  expect(rangeOf(withRange(fixed, { live: true, key: '7d', spanMs: 604_800_000 }))).toEqual({ live: true, key: '7d', spanMs: 604_800_000 })
})

test('what an address cannot mean is left out', () => {
  expect(tagsOf(new URLSearchParams('tag=a/x&tag=a/x&tag=none&tag=/x&tag=a/'))).toEqual([{ device: 'a', tag: 'x' }])
  expect(tagsOf(new URLSearchParams(Array.from({ length: 20 }, (_, index) => ['tag', `a/${index}`])))).toHaveLength(12)
  expect(rangeOf(new URLSearchParams('from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z&span=9y')).live).toBe(true)
})

test('zooming keeps what is pointed at, and ends at two seconds', () => {
  expect(zoomed({ from: 0, to: 100_000 }, 0.5, 25_000, 1e9)).toEqual({ from: 12_500, to: 62_500 })
  const least = zoomed({ from: 0, to: 4_000 }, 0.001, 1_000, 1e9)
  expect(least.to - least.from).toBe(2_000)
})

test('nothing lies beyond now', () => {
  expect(panned({ from: 0, to: 100_000 }, 80_000, 120_000)).toEqual({ from: 22_000, to: 122_000 })
  expect(zoomed({ from: 0, to: 100_000 }, 2, 50_000, 100_000)).toEqual({ from: -96_000, to: 104_000 })
})

test('what came live is put behind what was asked for, and once', () => {
  const series = seriesOf([sample(1, 1), sample(2, 2)], [sample(2, 2), sample(3, 3)], 'float64')
  expect([...series.values]).toEqual([1, 2, 3])
})

test('the cursor reads what holds, and steps from sample to sample of all tags', () => {
  const a = seriesOf([sample(1, 1), sample(5, 2)], [], 'float64')
  const b = seriesOf([sample(3, 7)], [], 'int16')
  expect([0, 1_000, 4_999, 5_000].map((time) => indexAt(a.times, time))).toEqual([-1, 0, 0, 1])
  const view = { from: 0, to: 10_000 }
  expect([0, 1_000, 3_000, 5_000].map((time) => nextTime([a, b], time, 1, view))).toEqual([1_000, 3_000, 5_000, 10_000])
  expect([10_000, 5_000, 3_000, 1_000].map((time) => nextTime([a, b], time, -1, view))).toEqual([5_000, 3_000, 1_000, 0])
})

test('figures are those of the range, with exact texts; bad ones count and say nothing else', () => {
  const series = seriesOf([sample(0, 99), sample(1, 2), sample(2, null, 'bad'), sample(3, -4, 'uncertain'), sample(9, 100)], [], 'float64')
  const figures = figuresOf(series, { from: 1_000, to: 5_000 })
  expect([figures.min?.text, figures.max?.text, figures.last?.text, figures.count, figures.bad, figures.uncertain]).toEqual(['-4', '2', '-4', 3, 1, 1])
})

test('64-bit integers keep their digits where they are read', () => {
  const exact: Sample = { ...sample(1, 9_007_199_254_740_992), text: '9007199254740993' }
  expect(figuresOf(seriesOf([exact], [], 'uint64'), { from: 0, to: 2_000 }).max?.text).toBe('9007199254740993')
})

test('texts become stretches that end where the next begins', () => {
  const series = seriesOf([sample(0, 'run'), sample(2, 'run'), sample(4, null, 'bad'), sample(6, 'stop')], [], 'text')
  expect(stretches(series, { from: 1_000, to: 9_000 })).toEqual([
    { from: 1_000, to: 4_000, severity: 'good', text: 'run' },
    { from: 4_000, to: 6_000, severity: 'bad', text: null },
    { from: 6_000, to: 9_000, severity: 'good', text: 'stop' },
  ])
  expect(['bool', 'text', 'float32', 'uint64'].map(shapeOf)).toEqual(['bool', 'state', 'line', 'step'])
})

test('drawing keeps every spike and every gap', () => {
  const samples = Array.from({ length: 10_000 }, (_, index) => (index === 7_777 ? sample(index, 1_000) : index === 4_444 ? sample(index, null, 'bad') : sample(index, index % 7)))
  const series = seriesOf(samples, [], 'float64')
  const numbers = thinnedTo(series, 0, 9_999, 300, { from: 0, to: 10_000_000 })
  expect(numbers.times.length).toBeLessThan(1_300)
  expect(numbers.values.includes(1_000)).toBe(true)
  expect(numbers.values.some(Number.isNaN)).toBe(true)
  expect([...numbers.times]).toEqual([...numbers.times].toSorted((x, y) => x - y))
})

test('times have round marks, and few', () => {
  for (const span of [5_000, 900_000, 28_800_000, 86_400_000, 2_592_000_000, 34_560_000_000]) {
    const marks = timeMarks({ from: 1_790_000_000_000, to: 1_790_000_000_000 + span }, 8)
    expect(marks.length).toBeGreaterThan(1)
    expect(marks.length).toBeLessThanOrEqual(9)
  }
})

test('units have scales of their own, states have lanes', () => {
  const samples = [sample(0, 1), sample(1, 3)]
  const layout = layoutOf([line(1, 'bar', 'float32', samples), line(2, '°C', 'int16', samples), line(3, 'bar', 'float32', samples), line(4, '', 'bool', []), line(5, '', 'text', [])], 900)
  expect(layout.panels.map((panel) => [panel.unit, panel.lines.map((each) => each.number)])).toEqual([['bar', [1, 3]], ['°C', [2]]])
  expect(layout.lanes.map((lane) => lane.line.number)).toEqual([4, 5])
  expect(boundsOf([line(1, '', 'float32', [sample(0, 0), sample(5, 10)])], { from: 0, to: 6_000 })).toEqual([-0.8, 10.8])
})

test('the export has one line a sample, in order, quoted where needed', () => {
  const shown = [
    { device: 'a', tag: 'x', unit: 'bar', series: seriesOf([sample(2, 1.5), sample(20, 2)], [], 'float64') },
    { device: 'b', tag: 'y', unit: undefined, series: seriesOf([sample(1, 'on, "hot"'), sample(3, null, 'bad')], [], 'text') },
  ]
  expect(csvOf(shown, { from: 0, to: 5_000 })).toBe(
    'time,device,tag,value,unit,quality,code\r\n1970-01-01T00:00:01.000Z,b,y,"on, ""hot""",,good,0\r\n1970-01-01T00:00:02.000Z,a,x,1.5,bar,good,0\r\n1970-01-01T00:00:03.000Z,b,y,,,bad,0\r\n',
  )
})
