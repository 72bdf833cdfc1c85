import { expect, test } from 'vitest'
import { parse } from 'yaml'

import { deviceIn, deviceNames, emptyDocument, withDevice, withDeviceKeys, withTagKeys, withTags, withTemplate, withinItem, withoutDevice, withoutTag, type DeviceForm } from './document'

const text = `# The plant.
version: 1
edge: { name: plant-1 } # ours
devices:
  # The old boiler.
  - name: boiler-1   # hall 2
    driver: modbus-tcp
    settings:
      host: 10.0.0.5 # ask Anna
      port: 502

    groups:
      - name: fast
        interval: 1s
        tags:
          - { name: a, address: "input:0", type: float32 }
          # the second
          - { name: b, address: "input:2", type: float32 } # odd
  - { name: press, driver: sim, groups: [{ name: main, interval: 1s, tags: [] }] }
# Where it goes.
sinks: []
`

const pump: DeviceForm = {
  name: 'pump',
  description: 'Pump: the big one',
  driver: 'modbus-tcp',
  settings: { host: '10.0.0.6', password: { secret: 'pump' } },
  groups: [{ name: 'main', interval: '500ms', tags: [{ name: 'flow', address: 'holding:1', type: 'float32', unit: '', description: 'on' }] }],
}

/** Every line of the text before is still there, in its order. */
function keeps(before: string, after: string) {
  const lines = after.split('\n')
  let at = 0
  for (const line of before.split('\n')) {
    const found = lines.indexOf(line, at)
    expect(found, `lost: ${line}`).toBeGreaterThanOrEqual(0)
    at = found + 1
  }
}

test('a device is added behind the last one; everything else stays', () => {
  const after = withDevice(text, pump)
  keeps(text, after)
  expect(deviceIn(after, 'pump')).toEqual({ ...pump, groups: [{ name: 'main', interval: '500ms', tags: [{ name: 'flow', address: 'holding:1', type: 'float32', description: 'on' }] }] })
  expect(after).toContain('          - { name: flow, address: "holding:1", type: float32, description: "on" }\n# Where it goes.')
})

test.each([
  ['no list', 'version: 1\n'],
  ['an empty list', 'version: 1\ndevices: [] # none yet\nsinks: []\n'],
  ['an empty key', emptyDocument('edge 1')],
  ['a key at the end without a line end', 'version: 1\ndevices:'],
  ['flow style', 'version: 1\ndevices: [{ name: x, driver: sim }]\n'],
  ['no indentation', 'version: 1\ndevices:\n- name: x\n  driver: sim\nsinks: []\n'],
])('a device is added to %s', (_, before) => {
  const after = withDevice(before, pump)
  expect(parse(after)).toMatchObject({ version: 1 })
  expect(deviceIn(after, 'pump')?.settings).toEqual(pump.settings)
  expect(deviceNames(after)).toHaveLength(deviceNames(before).length + 1)
})

test('tags are added to a group, beside the others and their comments', () => {
  const tags = [{ name: 'c', address: 'input:4', type: 'int64' }, { name: 'd', address: 'input:8', type: 'bool', scale: { slope: 0.1, offset: 0 } }]
  const after = withTags(text, 'boiler-1', [{ name: 'fast', interval: '1s', tags }, { name: 'slow', interval: '10s', tags: [{ name: 'e', address: 'input:9', type: 'bool' }] }])
  keeps(text, after)
  const groups = deviceIn(after, 'boiler-1')?.groups
  expect(groups?.map((group) => [group.name, group.tags.map((tag) => tag.name)])).toEqual([['fast', ['a', 'b', 'c', 'd']], ['slow', ['e']]])
  expect(after).toContain('          - { name: c, address: "input:4", type: int64 }\n')
})

test('tags are added to a device in flow style', () => {
  const after = withTags(text, 'press', [{ name: 'main', interval: '1s', tags: [{ name: 'c', address: 'ramp:0..1', type: 'float64' }] }])
  expect(deviceIn(after, 'press')?.groups?.[0]?.tags).toEqual([{ name: 'c', address: 'ramp:0..1', type: 'float64' }])
  expect(after.split('\n').slice(0, 18)).toEqual(text.split('\n').slice(0, 18))
})

test('tags are added where there are no groups yet', () => {
  const after = withTags('devices:\n  - name: x # here\n    driver: sim\n', 'x', [{ name: 'main', interval: '1s', tags: [{ name: 'c', address: 'counter', type: 'uint64' }] }])
  expect(after).toContain('# here')
  expect(deviceIn(after, 'x')?.groups?.[0]?.tags[0]?.name).toBe('c')
})

test('settings are changed one by one, with their comments', () => {
  const after = withDeviceKeys(text, 'boiler-1', { description: 'Boiler', settings: { host: '10.0.0.5', port: 503, unit: 2 } })
  expect(after).toContain('host: 10.0.0.5 # ask Anna')
  expect(after).toContain('# the second')
  expect(after).toContain('# hall 2')
  expect(deviceIn(after, 'boiler-1')).toMatchObject({ description: 'Boiler', settings: { host: '10.0.0.5', port: 503, unit: 2 } })
  expect(withDeviceKeys(after, 'boiler-1', { settings: { host: 'x' }, description: undefined })).not.toContain('port')
})

test('a device is removed with the comment above it', () => {
  const after = withoutDevice(text, 'boiler-1')
  expect(deviceNames(after)).toEqual(['press'])
  expect(after).not.toContain('The old boiler')
  const none = withoutDevice(after, 'press')
  expect(parse(none)).toMatchObject({ devices: [], sinks: [] })
  expect(none).toContain('# Where it goes.')
})

test('a template is added before the devices, and replaced by its name', () => {
  const first = withTemplate(text, 'name: meter\nversion: 1\ndriver: modbus-tcp\n')
  keeps(text, first)
  const second = withTemplate(first, 'name: meter\nversion: 2\ndriver: modbus-tcp\n')
  keeps(text, second)
  expect(parse(second)).toMatchObject({ templates: [{ name: 'meter', version: 2, driver: 'modbus-tcp' }] })
  expect(withTemplate(second, 'name: line\ndriver: sim\n')).toContain('- name: line')
})

test('a text with Windows line ends and one with a broken end are no trap', () => {
  const after = withDevice(text.replaceAll('\n', '\r\n'), pump)
  expect(deviceNames(after)).toEqual(['boiler-1', 'press', 'pump'])
  expect(withTags(text, 'nobody', [{ name: 'x', interval: '1s', tags: [{ name: 'a', address: 'b', type: 'bool' }] }])).toBe(text)
})

const efficiency = { name: 'efficiency', formula: '"boiler-2/steam" / fuel', type: 'float64', unit: '%' }
const lines = { ...efficiency, formula: 'a\n  / b' }

test('a tag with a formula stands on one line, and one of more lines is a text of lines', () => {
  const after = withTags(text, 'boiler-1', [{ name: 'fast', interval: '1s', tags: [efficiency] }])
  keeps(text, after)
  expect(after).toContain(`          - { name: efficiency, formula: '"boiler-2/steam" / fuel', type: float64, unit: "%" }`)
  const more = withTags(text, 'boiler-1', [{ name: 'fast', interval: '1s', tags: [lines] }])
  keeps(text, more)
  expect(more).toContain('          - name: efficiency\n            formula: |-\n              a\n                / b\n            type: float64\n')
  expect(deviceIn(more, 'boiler-1')?.groups?.[0]?.tags.at(-1)).toEqual(lines)
})

test.each([
  ['on one line', '          - { name: b, address: "input:2", type: float32 } # odd\n', '          - { name: b, address: "input:2", type: float32, unit: "°C" } # odd\n'],
  ['on lines of its own', '          - name: b # mine\n            # why\n            address: "input:2"\n            type: float32\n', '          - name: b # mine\n            # why\n            address: "input:2"\n            type: float32\n            unit: "°C"\n'],
])('a tag that stands %s is changed there', (_, before, after) => {
  const whole = text.replace('          - { name: b, address: "input:2", type: float32 } # odd\n', before)
  const changed = withTagKeys(whole, 'boiler-1', 'b', { name: 'b', unit: '°C', description: undefined })
  expect(changed).toBe(whole.replace(before, after))
  const formula = withTagKeys(whole, 'boiler-1', 'b', { formula: lines.formula, address: undefined })
  expect(deviceIn(formula, 'boiler-1')?.groups?.[0]?.tags[1]).toEqual({ name: 'b', type: 'float32', formula: lines.formula })
  expect(formula).toContain('# Where it goes.')
})

test('a tag goes with the comment above it; the last one leaves its group', () => {
  const one = withoutTag(text, 'boiler-1', 'b')
  expect(one).toBe(text.replace('          # the second\n          - { name: b, address: "input:2", type: float32 } # odd\n', ''))
  const none = withoutTag(one, 'boiler-1', 'a')
  expect(deviceIn(none, 'boiler-1')?.groups).toEqual([{ name: 'fast', interval: '1s', tags: [] }])
  expect(withoutTag(text, 'boiler-1', 'c')).toBe(text)
})

test('tags of a device on one line are changed and removed as well', () => {
  const one = withTags(text, 'press', [{ name: 'main', interval: '1s', tags: [efficiency] }])
  const changed = withTagKeys(one, 'press', 'efficiency', { formula: 'b' })
  expect(deviceIn(changed, 'press')?.groups?.[0]?.tags).toEqual([{ ...efficiency, formula: 'b' }])
  expect(deviceIn(withoutTag(changed, 'press', 'efficiency'), 'press')?.groups?.[0]?.tags).toEqual([])
})

const set = (name: string) => (of: string) => withinItem(of, 'rules', name, (document) => document.set('fresh', 1))

test('whole numbers keep all their digits, whatever changes beside them', () => {
  const before = 'rules:\n  - name: a\n    max: 18446744073709551615 # all\n  - { name: b, max: 18446744073709551615, old: 1 }\n'
  const after = set('b')(set('a')(before))
  expect(after).toContain('    max: 18446744073709551615 # all\n    fresh: 1\n')
  expect(after).toContain('  - { name: b, max: 18446744073709551615, old: 1, fresh: 1 }\n')
})
