// Waiting for the thing itself, with a stated bound.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

/** Asks again and again until the answer is not falsy; says what was waited for when it never came. */
export async function until(what, ask, withinMs = 20_000) {
  const end = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > end) assert.fail(`waited ${withinMs} ms in vain for: ${what}`)
    await pause(40)
  }
}
