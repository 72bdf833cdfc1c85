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

test('older events come behind, each once', () => {
  const kept = withNewest(undefined, page([5, 4], 4))
  expect(seqs(withOlder(kept, page([4, 3], null)))).toEqual([5, 4, 3])
  expect(withOlder(kept, page([3], null)).next).toBeNull()
})
