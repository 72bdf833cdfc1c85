/** One device: is it well, what does it say, and one of its tags in depth beside the table. */
import { useEffect } from 'react'
import { useParams, useSearchParams } from 'react-router'

import { live } from '../../api/live'
import type { Device } from '../../api/types'
import { DeviceDetail } from '../../components/DeviceDetail'
import { nextTry } from '../../components/marks'
import { TagBrowser } from '../../components/TagBrowser'
import { TagPanel } from '../../components/TagPanel'
import { useTitle } from '../../hooks/useTitle'
import { Notice, type Tone } from '../../ui/Notice'
import { DeviceHead, useDevice } from './DeviceHead'

export function DevicePage() {
  const name = useParams()['device'] ?? ''
  const device = useDevice(name)
  const [search, setSearch] = useSearchParams()
  const tag = search.get('tag')
  useEffect(() => live.watch(name), [name])
  useTitle(tag === null ? name : `${tag} · ${name}`)
  const closeTag = () =>
    setSearch((before) => {
      before.delete('tag')
      before.delete('span')
      return before
    })
  return (
    <div className={tag === null ? 'page' : 'page with-panel'}>
      <div className="page-main">
        <DeviceHead name={name} />
        <StateNotice device={device} />
        <DeviceDetail device={device} />
        <TagBrowser key={name} device={device} />
      </div>
      {tag !== null && <TagPanel key={`${name}/${tag}`} device={name} name={tag} onClose={closeTag} />}
    </div>
  )
}

const notices: Record<Device['state'], [Tone, string] | undefined> = {
  online: undefined,
  connecting: ['info', 'Connecting to the device'],
  offline: ['bad', 'The device cannot be reached'],
  silent: ['bad', 'The link is open, but the device does not answer'],
  failed: ['bad', 'The settings do not fit the device'],
  disabled: ['info', 'This device is disabled in the configuration'],
}

function StateNotice({ device }: { device: Device }) {
  const notice = notices[device.state]
  if (notice === undefined) return null
  const [tone, title] = notice
  const next = nextTry(device.next_try_ms)
  return (
    <Notice tone={tone} title={title}>
      {device.reason !== undefined && <span>{device.reason}</span>}
      <span>
        {next !== undefined && `The edge tries again by itself: ${next}. `}
        {device.state === 'disabled' ? 'It is not polled.' : `Its tags have no good value until it answers. Link: ${device.link}`}
      </span>
    </Notice>
  )
}
