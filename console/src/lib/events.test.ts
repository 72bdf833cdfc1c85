import { expect, test } from 'vitest'

import type { EdgeEvent } from '../api/exchange'
import { withNewest, withOlder } from './events'

const event = (seq: number): EdgeEvent => ({ seq, at: '', kind: 'system', severity: 'info', by: null, subject: null, text: '' })
const page = (seqs: number[], next: number | null) => ({ items: seqs.map(event), next })
const seqs = (kept: { items: EdgeEvent[] }) => kept.items.map((each) => each.seq)

test('new events come in front, each once', () => {
  const kept = withNewest(undefined, page([5, 4], 4))
  expect(seqs(withNewest(kept, page([6, 5], 5)))).toEqual([6, 5, 4])
  expect(withNewest(kept, page([5, 4], 4))).toBe(kept)
})

test('a gap starts the list anew', () => {
  const kept = withNewest(undefined, page([5, 4], 4))
  expect(withNewest(kept, page([20, 19], 19))).toEqual({ items: page([20, 19], 19).items, next: 19 })
})

test('a search that found nothing yet keeps where it goes on', () => {
  const kept = withOlder(withNewest(undefined, page([], 90)), page([], 40))
  expect(withNewest(kept, page([], 90)).next).toBe(40)
  expect(seqs(withNewest(withOlder(kept, page([39], null)), page([120], 90)))).toEqual([120])
  expect(seqs(withNewest(withOlder(kept, page([89], null)), page([91], 90)))).toEqual([91, 89])
})

test('older events come behind, each once', () => {
  const kept = withNewest(undefined, page([5, 4], 4))
  expect(seqs(withOlder(kept, page([4, 3], null)))).toEqual([5, 4, 3])
  expect(withOlder(kept, page([3], null)).next).toBeNull()
})
