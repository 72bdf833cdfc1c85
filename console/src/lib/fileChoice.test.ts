import { expect, test } from 'vitest'

import { deadLetterFile, historyFile, tagInFile } from '../api/files'
import { exportRange, patternsIn } from './fileChoice'

const now = Date.parse('2026-11-20T15:00:00Z')
const own = { from: '2026-11-19T00:00:00Z', to: '2026-11-20T00:00:00Z' }

test('patterns are read from a text, all of them at once', () => {
  expect(patternsIn('boiler-1/*, */temp?  boiler-1/*')).toEqual({ patterns: ['boiler-1/*', '*/temp?'], problem: undefined })
  expect(patternsIn('a/b/c')).toMatchObject({ patterns: ['a/b/c'], problem: undefined })
  expect(patternsIn(' * ')).toEqual({ patterns: [], problem: undefined })
  expect(patternsIn('').problem).toMatch(/^Enter a pattern/)
  for (const wrong of ['boiler-1', 'a/b/c/d', '/a', 'a//b']) expect(patternsIn(wrong).problem).toMatch(/is no pattern/)
  expect(patternsIn(Array.from({ length: 101 }, (_, index) => `d/${index}`).join(' ')).problem).toMatch(/more than 100/)
})

test('a range ends now, or where it was told', () => {
  expect(exportRange('24h', own, null, now)).toEqual({ from: '2026-11-19T15:00:00.000Z', to: '2026-11-20T15:00:00.000Z' })
  expect(exportRange('all', own, '2026-01-01T00:00:00Z', now)).toMatchObject({ from: '2026-01-01T00:00:00Z' })
  expect(exportRange('own', own, null, now)).toEqual({ from: '2026-11-19T00:00:00.000Z', to: '2026-11-20T00:00:00.000Z' })
  expect(exportRange('own', { from: own.to, to: own.from }, null, now)).toHaveProperty('problem')
  expect(exportRange('own', { from: '', to: '' }, null, now)).toHaveProperty('problem')
})

test('addresses of files hold every tag, whatever its name', () => {
  expect(historyFile('csv', own.from, own.to, [tagInFile({ device: 'a', tag: 'x&y' }), 'b/*'])).toBe('/api/v1/history/export?format=csv&from=2026-11-19T00%3A00%3A00Z&to=2026-11-20T00%3A00%3A00Z&tag=a.x%26y&tag=b%2F*')
  expect([deadLetterFile(''), deadLetterFile('a b')]).toEqual(['/api/v1/dead-letters/export', '/api/v1/dead-letters/export?sink=a+b'])
})
