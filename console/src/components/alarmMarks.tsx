/** Priority and state of an alarm, each as a shape and a word; the colour only repeats what they say. */
import type { AlarmChangeKind, AlarmPriority, AlarmState } from '../api/alarms'
import { changeWords, stateWords } from '../lib/alarms'
import type { IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'

/** Fuller and with more corners the more urgent it is. */
const shapes: Record<AlarmPriority, string> = {
  critical: 'M7.5 2h9L22 7.5v9L16.5 22h-9L2 16.5v-9L7.5 2Z',
  high: 'M12 2.5 22.5 21h-21L12 2.5Z',
  medium: 'M12 3 21 12l-9 9-9-9 9-9Z',
  low: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0Z',
}

export function PriorityMark({ priority }: { priority: AlarmPriority }) {
  return (
    <span className={`priority ${priority}`}>
      <svg className="icon" viewBox="0 0 24 24" stroke="currentColor" strokeWidth="2" strokeLinejoin="round" aria-hidden="true" focusable="false">
        <path d={shapes[priority]} />
      </svg>
      {priority}
    </span>
  )
}

const stateMarks: Record<AlarmState, [MarkTone, IconName]> = {
  unacknowledged: ['bad', 'bell'],
  acknowledged: ['warn', 'check'],
  cleared_unacknowledged: ['warn', 'bell'],
  latched: ['warn', 'undo'],
  shelved: ['off', 'clock'],
  suppressed: ['off', 'minus'],
  out_of_service: ['off', 'off'],
  normal: ['good', 'check'],
}

export function AlarmMark({ state }: { state: AlarmState }) {
  const [tone, icon] = stateMarks[state]
  return (
    <Mark tone={tone} icon={icon}>
      {stateWords[state]}
    </Mark>
  )
}

const changeMarks: Record<AlarmChangeKind, [MarkTone, IconName]> = {
  raised: ['bad', 'bell'],
  cleared: ['good', 'check'],
  acknowledged: ['off', 'check'],
  reset: ['off', 'undo'],
  shelved: ['off', 'clock'],
  unshelved: ['off', 'clock'],
  suppressed: ['off', 'minus'],
  unsuppressed: ['off', 'minus'],
  out_of_service: ['off', 'off'],
  in_service: ['off', 'check'],
  chattering: ['warn', 'bell'],
  steady: ['off', 'check'],
  not_written: ['warn', 'minus'],
}

export function ChangeMark({ kind }: { kind: AlarmChangeKind }) {
  const [tone, icon] = changeMarks[kind]
  return (
    <Mark tone={tone} icon={icon}>
      {changeWords[kind]}
    </Mark>
  )
}
