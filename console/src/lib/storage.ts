/** What storage figures mean: how full, how long it lasts, and whether something should be done. */
import type { Storage } from '../api/history'
import type { Tone } from '../ui/Notice'
import { bytes } from './numbers'

/** `12 days`, `3 years`: nobody plans by the hour, until there are only hours. */
export function daysLeft(days: number | null): string {
  if (days === null || !Number.isFinite(days)) return 'not known yet'
  if (days >= 3_650) return 'more than 10 years'
  if (days >= 730) return `${Math.floor(days / 365)} years`
  if (days >= 2) return `${Math.floor(days)} days`
  const hours = Math.max(0, Math.floor(days * 24))
  return hours === 1 ? '1 hour' : `${hours} hours`
}

export interface Advice {
  tone: Tone
  title: string
  text: string
}

const shortDays = 7
const diskMinBytes = 500_000_000

/** The worst first. */
export function adviceOn({ history, disk, journal }: Storage): Advice[] {
  const found: Advice[] = []
  if (history.errors > 0) {
    found.push({ tone: 'bad', title: `Writing the history failed ${history.errors} times`, text: `${history.last_error ?? 'No reason is known.'} What waits in the journal is not lost while there is room for it.` })
  }
  if (journal.errors > 0) {
    found.push({ tone: 'bad', title: `Writing the journal failed ${journal.errors} times`, text: `${journal.last_error ?? 'No reason is known.'} Check the disk before anything else.` })
  }
  const wanted = Math.max(0, history.limit_bytes - history.bytes)
  if (disk.free_bytes < diskMinBytes) {
    found.push({ tone: 'bad', title: `Only ${bytes(disk.free_bytes)} are free on the disk`, text: 'Free some space: remove other files from this disk, or lower the limit of the history.' })
  } else if (disk.free_bytes < wanted) {
    found.push({ tone: 'warn', title: 'The disk is smaller than the limit of the history allows', text: `The history may still take ${bytes(wanted)}, but ${bytes(disk.free_bytes)} are free. Lower its limit or use a larger disk.` })
  }
  if (history.days_left !== null && history.days_left < shortDays) {
    found.push({ tone: 'warn', title: `The history reaches its limit in ${daysLeft(history.days_left)}`, text: 'From then on the oldest samples give way to new ones. Export what must be kept longer, or see below how to make room.' })
  }
  return found
}
