/** The head of every page of a device: what it is, how it is, and the ways into it. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { deviceQuery } from '../../api/queries'
import type { Device } from '../../api/types'
import { DeviceMark } from '../../components/marks'
import { Since } from '../../components/Since'
import { Tabs } from '../../components/Tabs'
import { isCalculated } from '../../lib/formula'
import { paths } from '../../paths'

interface Props {
  name: string
  /** the page within the device; none for its tags */
  page?: string
}

export function useDevice(name: string): Device {
  // Keeps it polled while the page is shown.
  useQuery(deviceQuery(name))
  return useSuspenseQuery(deviceQuery(name)).data
}

export function DeviceHead({ name, page }: Props) {
  const device = useDevice(name)
  const tabs: [string, string][] = [
    [paths.device(name), 'Tags'],
    ...(isCalculated(device.driver) ? [] : [[paths.deviceLog(name), 'Communication'] as [string, string]]),
    ...(device.driver.startsWith('modbus') ? [[paths.deviceRegisters(name), 'Registers'] as [string, string]] : []),
    ...(isCalculated(device.driver) ? [] : [[paths.addTags(name), 'Add tags'] as [string, string]]),
    [paths.newFormula(name), 'Calculated tag'],
    [paths.deviceEdit(name), 'Settings'],
  ]
  return (
    <>
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.overview}>Overview</Link>
        <span aria-hidden="true">/</span>
        {page === undefined ? (
          <span aria-current="page">{name}</span>
        ) : (
          <>
            <Link to={paths.device(name)}>{name}</Link>
            <span aria-hidden="true">/</span>
            <span aria-current="page">{page}</span>
          </>
        )}
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
      <Tabs label={`Pages of ${name}`} tabs={tabs} />
    </>
  )
}
