/** The mock's library of templates. */
import { parse } from 'yaml'

import type { LibraryTemplate, TemplateParameter, Templates } from '../src/api/types'

interface PlainTag {
  name: string
  address: string
  formula?: string
  type: string
  unit?: string
  scale?: { slope?: number; offset?: number }
}

export interface PlainDevice {
  name?: string
  driver?: string
  template?: string
  parameters?: Record<string, unknown>
  settings?: Record<string, unknown>
  groups?: { name: string; interval: string; tags?: PlainTag[] }[]
}

const meter = `name: sunspec-meter
version: 2
description: Energy meter by SunSpec model 203
driver: modbus-tcp
parameters:
  - { name: host, type: text, description: Name or address of the meter }
  - { name: unit, type: integer, default: 1, range: [0, 247], description: Unit behind the address }
  - { name: base, type: integer, default: 100, description: First register of the model }
settings:
  host: \${host}
  unit: \${unit}
groups:
  - name: power
    interval: 1s
    tags:
      - { name: active_power, address: "holding:\${base}", type: float32, unit: W, description: "Active power, all phases" }
      - { name: current, address: "holding:\${base + 2}", type: float32, unit: A, description: "Current, all phases" }
  - name: energy
    interval: 10s
    tags:
      - { name: energy_imported, address: "holding:\${base + 10}", type: uint64, unit: Wh, description: Imported since installation }
`

const line = `name: plc-line
version: 1
description: A packing line with the usual registers
driver: modbus-tcp
parameters:
  - { name: host, type: text, description: Name or address of the controller }
  - { name: slow, type: boolean, default: false, description: Read at half the speed }
settings:
  host: \${host}
  byte_order: CDAB
groups:
  - name: line
    interval: 1s
    tags:
      - { name: temperature, address: "holding:100", type: float32, unit: "°C" }
      - { name: pressure, address: "holding:102", type: float32, unit: bar }
`

type Form = PlainDevice & { name: string; version: number; description: string; parameters: Record<string, unknown>[] }

export const library: (LibraryTemplate & { form: PlainDevice & { name: string } })[] = [meter, line].map((document) => {
  const form: Form = parse(document)
  return {
    name: form.name,
    version: String(form.version),
    driver: form.driver ?? '',
    summary: form.description,
    parameters: form.parameters.map((each): TemplateParameter => ({
      name: String(each['name']),
      type: String(each['type']),
      default: each['default'] ?? null,
      description: String(each['description'] ?? ''),
      required: each['default'] === undefined,
    })),
    document,
    tags: (form.groups ?? []).reduce((sum, group) => sum + (group.tags?.length ?? 0), 0),
    form: { name: form.name, driver: form.driver, settings: form.settings, groups: form.groups },
  }
})

export function templates(text: string): Templates {
  const plain = (parse(text === '' ? '{}' : text) ?? {}) as { templates?: { name: string; version: number; driver: string }[]; devices?: PlainDevice[] }
  return {
    library: library.map(({ form: _, ...rest }) => rest),
    used: (plain.templates ?? []).map((each) => ({
      name: each.name,
      version: String(each.version),
      driver: each.driver,
      devices: (plain.devices ?? []).filter((device) => device.template === each.name).map((device) => device.name ?? ''),
      library_version: library.find((one) => one.name === each.name)?.version ?? null,
    })),
  }
}

/** A device of a template, with the placeholders filled. */
export function expanded(device: PlainDevice, given: unknown[]): PlainDevice {
  if (device.template === undefined) return device
  const found = [...(given as (PlainDevice & { name: string })[]), ...library.map((each) => each.form)].find((each) => each.name === device.template)
  if (found === undefined) return device
  const defaults = Object.fromEntries((library.find((each) => each.form.name === device.template)?.parameters ?? []).map((each) => [each.name, each.default]))
  const values: Record<string, unknown> = { ...defaults, ...device.parameters }
  const filled = JSON.stringify({ driver: found.driver, settings: found.settings, groups: found.groups })
    .replace(/"\$\{(\w+)\}"/g, (_, name: string) => JSON.stringify(values[name] ?? null))
    .replace(/\$\{(\w+)(?: \+ (\d+))?\}/g, (_, name: string, plus?: string) => (plus === undefined ? String(values[name] ?? '') : String(Number(values[name] ?? 0) + Number(plus))))
  const form: PlainDevice = JSON.parse(filled)
  return { ...form, name: device.name, groups: [...(form.groups ?? []), ...(device.groups ?? [])] }
}
