import { expect, test } from 'vitest'

import type { Storage } from '../api/history'
import { adviceOn, daysLeft } from './storage'

const storage = (history: Partial<Storage['history']> = {}, freeBytes = 50e9): Storage => ({
  history: { bytes: 1e9, samples: 5e8, bytes_per_sample: 2, segments: 60, rollups: { minute_bytes: 0, hour_bytes: 0, day_bytes: 0 }, limit_bytes: 8e9, oldest: null, newest: null, bytes_per_day: 1e7, days_left: 700, waiting_samples: 0, errors: 0, last_error: null, ...history },
  journal: { epoch: 1, streams: [], errors: 0 },
  disk: { free_bytes: freeBytes },
})

test('nobody plans by the hour, until there are only hours', () => {
  expect([null, 5_000, 900, 42.9, 2, 1.5, 0.05, -1].map(daysLeft)).toEqual(['not known yet', 'more than 10 years', '2 years', '42 days', '2 days', '36 hours', '1 hour', '0 hours'])
})

test('all is well: nothing is said', () => {
  expect(adviceOn(storage())).toEqual([])
  expect(adviceOn(storage({ days_left: null, bytes_per_day: null }))).toEqual([])
})

test('what is short is told, the worst first', () => {
  const titles = adviceOn(storage({ days_left: 3, errors: 2, last_error: 'no space left on device' }, 2e8)).map((each) => [each.tone, each.title])
  expect(titles).toEqual([
    ['bad', 'Writing the history failed 2 times'],
    ['bad', 'Only 200 MB are free on the disk'],
    ['warn', 'The history reaches its limit in 3 days'],
  ])
  expect(adviceOn(storage({}, 5e9))[0]?.title).toContain('smaller than the limit')
})
