/** Notifications in words: how a channel does, and whom a route tells when. */
import type { NotifyChannel, NotifyLevel, NotifyRoute, NotifyState } from '../api/notify'
import { plural } from './numbers'
import { interval } from './time'

export const notifyWords: Record<NotifyState, string> = { unused: 'nothing sent yet', delivering: 'delivering', failing: 'failing' }

/** What waits to be told by a channel. */
export function waitingWords(channel: NotifyChannel): string {
  const parts: string[] = []
  if (channel.waiting_messages > 0) parts.push(plural(channel.waiting_messages, 'message'))
  if (channel.waiting_alarms > 0) parts.push(`${plural(channel.waiting_alarms, 'alarm')} for the next one`)
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

/** Such as `after 10 min without an acknowledgement`. */
export function levelWords(level: NotifyLevel, place: number): string {
  if (level.after_ms === 0) return 'at once'
  const after = `after ${interval(level.after_ms)}`
  return place === 0 ? `${after}, unless it is over or acknowledged by then` : `${after} without an acknowledgement`
}

/** What a route tells besides that an alarm was raised. */
export function alsoWords(route: NotifyRoute): string {
  const parts: string[] = []
  if (route.repeat_ms !== null) parts.push(`repeated every ${interval(route.repeat_ms)} until it is acknowledged`)
  if (route.cleared) parts.push('when it is over')
  if (route.acknowledged) parts.push('when somebody acknowledges it')
  return parts.length === 0 ? 'nothing' : parts.join('; ')
}
