import { expect, test } from 'vitest'

import type { NotifyChannel, NotifyRoute } from '../api/notify'
import { alsoWords, levelWords, waitingWords } from './notify'

const channel: NotifyChannel = {
  name: 'shift',
  kind: 'email',
  description: null,
  recipients: [],
  state: 'unused',
  last_success: null,
  last_failure: null,
  failing_since: null,
  delivered: 0,
  refused: 0,
  given_up: 0,
  waiting_messages: 0,
  waiting_alarms: 0,
}

const route: NotifyRoute = {
  name: 'night',
  description: null,
  min_priority: 'low',
  levels: [],
  repeat_ms: null,
  cleared: false,
  acknowledged: false,
  messages_per_hour_max: 60,
  quiet_up_to: null,
  open: 0,
  waiting: 0,
}

test('what waits is told', () => {
  expect(waitingWords(channel)).toBe('nothing')
  expect(waitingWords({ ...channel, waiting_messages: 1, waiting_alarms: 3 })).toBe('1 message, 3 alarms for the next one')
})

test('levels say when they are told', () => {
  expect(levelWords({ after_ms: 0, to: [] }, 0)).toBe('at once')
  expect(levelWords({ after_ms: 30_000, to: [] }, 0)).toBe('after 30 s, unless it is over or acknowledged by then')
  expect(levelWords({ after_ms: 600_000, to: [] }, 1)).toBe('after 10 min without an acknowledgement')
})

test('what else is told', () => {
  expect(alsoWords(route)).toBe('nothing')
  expect(alsoWords({ ...route, repeat_ms: 900_000, cleared: true, acknowledged: true })).toBe('repeated every 15 min until it is acknowledged; when it is over; when somebody acknowledges it')
})
