/** What became of a command, in words that tell the operator what to do. */
import type { Command } from '../api/types'
import type { IconName } from '../ui/Icon'

export interface Outcome {
  tone: 'good' | 'warn' | 'bad' | 'off'
  icon: IconName
  word: string
  title: string
  advice: string
}

export function ended(command: Command): boolean {
  return command.state !== 'waiting' && command.state !== 'sent'
}

export function outcome(command: Command): Outcome {
  switch (command.state) {
    case 'waiting':
      return {
        tone: 'off',
        icon: 'turning',
        word: 'waiting',
        title: 'Waiting for the device to be free…',
        advice: 'Nothing was sent yet.',
      }
    case 'sent':
      return {
        tone: 'off',
        icon: 'turning',
        word: 'sent',
        title: 'Sent; waiting for the answer of the device…',
        advice: '',
      }
    case 'done':
      return {
        tone: 'good',
        icon: 'check',
        word: 'done',
        title: 'Done: the device has taken the value.',
        advice: 'The value shown follows with the next read.',
      }
    case 'failed':
      return {
        tone: 'bad',
        icon: 'cross',
        word: 'failed',
        title: 'Failed: the device has not taken the value.',
        advice: 'Nothing was changed. Mend the cause, then try again.',
      }
    case 'expired':
      return {
        tone: 'warn',
        icon: 'clock',
        word: 'expired',
        title: 'Expired: the device could not be reached in time.',
        advice: 'Nothing was sent, and nothing will be sent later. Try again when the device is online.',
      }
    case 'unknown':
      return {
        tone: 'bad',
        icon: 'warning',
        word: 'unknown',
        title: 'Unknown: the device may or may not have taken it.',
        advice: 'Look at the value before trying again.',
      }
  }
}
