/** The head of every page of a device: what it is, how it is, and the ways into it. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'

import { deviceQuery } from '../../api/queries'
import type { Device } from '../../api/types'
import { DeviceMark } from '../../components/marks'
import { PageHead } from '../../components/PageHead'
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
      <PageHead above={page === undefined ? [[paths.overview, 'Overview']] : [[paths.overview, 'Overview'], [paths.device(name), name]]} title={name} here={page} lead={device.description}>
        <span role="status">
          <DeviceMark device={device} chip />
        </span>
        <span className="muted small">
          since <Since time={device.since} />
        </span>
      </PageHead>
      <Tabs label={`Pages of ${name}`} tabs={tabs} />
    </>
  )
}
