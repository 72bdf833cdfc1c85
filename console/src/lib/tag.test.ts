import { expect, test } from 'vitest'

import type { LiveValue } from '../api/live'
import type { Tag } from '../api/types'
import { reading } from './tag'

const tag: Tag = {
  device: 'boiler-1',
  group: 'fast',
  name: 'drum_pressure',
  address: 'input:0',
  type: 'float32',
  access: 'read',
  interval_ms: 1_000,
  value: 8,
  text: '8.0',
  quality: { severity: 'good', code: 0, name: 'Good', reason: 'good' },
  time: '2026-11-21T04:00:00.000Z',
  age_ms: 100,
  changed_at: null,
  quality_since: '2026-11-21T03:00:00.000Z',
  stale: false,
}

const live: LiveValue = {
  device: 'boiler-1',
  name: 'drum_pressure',
  value: 9,
  text: '9.0',
  quality: 'good',
  code: 0,
  time: '2026-11-21T04:00:01.000Z',
  age_ms: 50,
  receivedAt: 10_000,
  changes: 1,
}

test('a newer live value goes before the listing, an older one does not', () => {
  expect(reading(tag, 9_000, live, 10_500)).toMatchObject({ text: '9.0', ageMs: 550, stale: false })
  expect(reading(tag, 9_000, { ...live, time: '2026-11-21T03:59:59.000Z' }, 10_500)).toMatchObject({ text: '8.0', ageMs: 1_600 })
})

test('a value that did not change is as old as the last read of its group', () => {
  expect(reading(tag, 0, undefined, 5_000, 4_800).ageMs).toBe(200)
  expect(reading(tag, 0, live, 15_000, 14_900).ageMs).toBe(100)
})

test('a value that stays away becomes stale by itself', () => {
  expect(reading(tag, 0, undefined, 20_000).stale).toBe(true)
  expect(reading({ ...tag, access: 'write' }, 0, undefined, 20_000).stale).toBe(false)
})
