/** A device as the running configuration has it, for the pages that add to it. */
import { emptyPlan, type Plan } from '../../lib/commission'
import { deviceIn, type DeviceForm } from '../../lib/document'

export interface Present {
  device: DeviceForm
  /** for trials: as it stands, without its groups */
  trial: DeviceForm
  /** names of its own tags; those of a template are the edge's to check */
  names: ReadonlySet<string>
  groups: { name: string; interval: string; tags: number }[]
}

export function presentDevice(text: string, name: string): Present | undefined {
  const device = deviceIn(text, name)
  if (device === undefined) return undefined
  const groups = Array.isArray(device.groups) ? device.groups : []
  return {
    device,
    trial: { ...device, groups: [] },
    names: new Set(groups.flatMap((group) => (group.tags ?? []).map((tag) => tag.name))),
    groups: groups.map((group) => ({ name: group.name, interval: String(group.interval), tags: (group.tags ?? []).length })),
  }
}

/** New tags go to the first group that the device has. */
export function firstPlan(present: Present | undefined): Plan {
  const plan = emptyPlan()
  const group = present?.groups[0]
  return {
    ...plan,
    driver: present?.device.driver ?? '',
    settings: present?.device.settings ?? {},
    name: present?.device.name ?? '',
    groups: group === undefined ? plan.groups : [{ name: group.name, interval: group.interval }],
  }
}
