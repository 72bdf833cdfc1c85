/** The states of devices, sinks and values, each with its word, icon and tone. */
import type { Device, DeviceState, Severity, SinkStatus } from '../api/types'
import { duration } from '../lib/time'
import type { IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'

const deviceMarks: Record<DeviceState, [MarkTone, IconName]> = {
  online: ['good', 'check'],
  connecting: ['warn', 'turning'],
  offline: ['bad', 'cross'],
  silent: ['bad', 'clock'],
  failed: ['bad', 'cross'],
  disabled: ['off', 'off'],
}

export function DeviceMark({ device, chip }: { device: Device; chip?: boolean }) {
  const [tone, icon] = deviceMarks[device.state]
  return (
    <Mark tone={tone} icon={icon} chip={chip ?? false}>
      {device.state}
    </Mark>
  )
}

const sinkMarks: Record<SinkStatus['state'], [MarkTone, IconName]> = {
  connected: ['good', 'check'],
  connecting: ['warn', 'turning'],
  retrying: ['warn', 'clock'],
  failed: ['bad', 'cross'],
  disabled: ['off', 'off'],
}

export function SinkMark({ sink }: { sink: { state: string } }) {
  const [tone, icon] = Object.entries(sinkMarks).find(([state]) => state === sink.state)?.[1] ?? ['off', 'info']
  return (
    <Mark tone={tone} icon={icon}>
      {sink.state}
    </Mark>
  )
}

const qualityMarks: Record<Severity, [MarkTone, IconName]> = {
  good: ['good', 'check'],
  uncertain: ['warn', 'warning'],
  bad: ['bad', 'cross'],
}

export function QualityMark({ severity, stale, chip }: { severity: Severity; stale: boolean; chip?: boolean }) {
  const [tone, icon]: [MarkTone, IconName] = stale && severity === 'good' ? ['warn', 'clock'] : qualityMarks[severity]
  return (
    <Mark tone={tone} icon={icon} chip={chip ?? false}>
      {severity === 'good' && stale ? 'stale' : severity}
    </Mark>
  )
}

export function nextTry(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `next try in ${duration(ms)}`
}
