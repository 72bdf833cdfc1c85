/** One device: is it well, what does it say, and one of its tags in depth beside the table. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { live } from '../api/live'
import { deviceQuery } from '../api/queries'
import type { Device } from '../api/types'
import { DeviceDetail } from '../components/DeviceDetail'
import { DeviceMark, nextTry } from '../components/marks'
import { Since } from '../components/Since'
import { TagBrowser } from '../components/TagBrowser'
import { TagPanel } from '../components/TagPanel'
import { useTitle } from '../hooks/useTitle'
import { paths } from '../paths'
import { Notice, type Tone } from '../ui/Notice'

export function DevicePage() {
  const name = useParams()['device'] ?? ''
  const device = useSuspenseQuery(deviceQuery(name)).data
  // Keeps it polled while the page is shown.
  useQuery(deviceQuery(name))
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
        <nav aria-label="Breadcrumb" className="crumbs">
          <Link to={paths.overview}>Overview</Link>
          <span aria-hidden="true">/</span>
          <span aria-current="page">{name}</span>
        </nav>
        <header className="page-head">
          <div>
            <h1>{name}</h1>
            {device.description !== undefined && <p className="muted">{device.description}</p>}
          </div>
          <div className="page-head-end">
            <span role="status">
              <DeviceMark device={device} chip />
            </span>
            <span className="muted small">
              since <Since time={device.since} />
            </span>
          </div>
        </header>
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
