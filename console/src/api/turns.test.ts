import { expect, test, vi } from 'vitest'

import { ApiError } from './errors'
import { inTurn } from './turns'

test('trials go one after the other, and one that fails holds up nobody', async () => {
  const log: string[] = []
  const ask = (name: string, fails = false) =>
    inTurn(async () => {
      log.push(`${name} begins`)
      await Promise.resolve()
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    }, undefined)
  const [first, second, third] = await Promise.allSettled([ask('a'), ask('b', true), ask('c')])
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('a trial of another tab is waited for', async () => {
  vi.useFakeTimers()
  let asked = 0
  const answer = inTurn(async () => {
    if (++asked < 3) throw new ApiError(409, 'limit', 'a trial is under way', 'wait')
    return 'done'
  }, undefined)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await answer).toBe('done')
  expect(asked).toBe(3)
  vi.useRealTimers()
})

test('what is no longer wanted is not asked', async () => {
  const control = new AbortController()
  control.abort()
  const ask = vi.fn(async () => 'x')
  await expect(inTurn(ask, control.signal)).rejects.toThrow()
  expect(ask).not.toHaveBeenCalled()
})
