/** A believable plant: two boilers and two packers, whose values move and whose set points are followed. */
import type { Tag } from '../src/api/types'

export interface Point {
  group: string
  name: string
  address: string
  /** what it is computed of, in the place of an address */
  formula?: string
  type: string
  unit?: string
  description?: string
  access: Tag['access']
  range?: [number, number]
  /** value at a moment, given the set points and how far into the process it is */
  value: (machine: Machine, t: number) => number | boolean | string | bigint
  digits?: number
}

export interface Machine {
  index: number
  state: Record<string, number>
}

const wave = (t: number, periodS: number, phase = 0) => Math.sin((t / 1000 / periodS + phase) * 2 * Math.PI)
const noise = (t: number, seed: number) => {
  const x = Math.sin(Math.floor(t / 700) * 12.9898 + seed * 78.233) * 43758.5453
  return (x - Math.floor(x)) * 2 - 1
}
const get = (machine: Machine, key: string) => machine.state[key] ?? 0

const boiler: Point[] = [
  {
    group: 'fast',
    name: 'drum_pressure',
    address: 'input:0#abcd',
    type: 'float32',
    unit: 'bar',
    description: 'Steam drum pressure',
    access: 'read',
    range: [0, 16],
    value: (m, t) => get(m, 'pressure') + 0.04 * wave(t, 21, m.index) + 0.015 * noise(t, 1),
    digits: 2,
  },
  {
    group: 'fast',
    name: 'pressure_setpoint',
    address: 'holding:0#abcd',
    type: 'float32',
    unit: 'bar',
    description: 'Set point of the drum pressure',
    access: 'read_write',
    range: [4, 12],
    value: (m) => get(m, 'pressure_setpoint'),
    digits: 2,
  },
  {
    group: 'fast',
    name: 'steam_flow',
    address: 'input:2#abcd',
    type: 'float32',
    unit: 't/h',
    description: 'Steam to the main header',
    access: 'read',
    value: (m, t) => 6.2 + 1.1 * wave(t, 190, m.index * 0.3) + 0.1 * noise(t, 2),
    digits: 2,
  },
  {
    group: 'fast',
    name: 'drum_level',
    address: 'input:4',
    type: 'int16',
    unit: 'mm',
    description: 'Water level in the drum, 0 is the middle',
    access: 'read',
    value: (m, t) => Math.round(6 * wave(t, 47, m.index * 0.2) + 3 * noise(t, 3)),
  },
  {
    group: 'fast',
    name: 'feed_water_valve',
    address: 'input:5',
    type: 'uint16',
    unit: '%',
    description: 'Position of the feed water valve',
    access: 'read',
    value: (m, t) => Math.round(48 + 9 * wave(t, 47, m.index * 0.2 + 0.5)),
  },
  {
    group: 'fast',
    name: 'burner_on',
    address: 'discrete:0',
    type: 'bool',
    description: 'The burner runs',
    access: 'read',
    value: (_, t) => wave(t, 300) > -0.92,
  },
  {
    group: 'fast',
    name: 'burner_enable',
    address: 'coil:0',
    type: 'bool',
    description: 'Lets the burner run',
    access: 'read_write',
    value: (m) => get(m, 'burner_enable') !== 0,
  },
  {
    group: 'fast',
    name: 'burner_load',
    address: 'input:6',
    type: 'uint16',
    unit: '%',
    description: 'Load of the burner',
    access: 'read',
    value: (m, t) => Math.round(62 + 14 * wave(t, 190, m.index * 0.3) + 2 * noise(t, 4)),
  },
  {
    group: 'slow',
    name: 'flue_gas_temperature',
    address: 'input:10#cdab',
    type: 'float32',
    unit: '°C',
    description: 'Behind the economiser',
    access: 'read',
    value: (m, t) => 131 + 6 * wave(t, 700, m.index * 0.1) + 0.3 * noise(t, 5),
    digits: 1,
  },
  {
    group: 'slow',
    name: 'flue_gas_oxygen',
    address: 'input:12#cdab',
    type: 'float32',
    unit: '%',
    description: 'Oxygen in the flue gas; the analyser calibrates itself now and then',
    access: 'read',
    value: (_, t) => 3.4 + 0.3 * wave(t, 420) + 0.05 * noise(t, 6),
    digits: 2,
  },
  {
    group: 'slow',
    name: 'feed_water_temperature',
    address: 'input:14',
    type: 'int16',
    unit: '°C',
    description: 'Before the economiser',
    access: 'read',
    value: (_, t) => Math.round(103 + wave(t, 900)),
  },
  {
    group: 'slow',
    name: 'operating_hours',
    address: 'input:20',
    type: 'uint32',
    unit: 'h',
    description: 'Since commissioning',
    access: 'read',
    value: (m, t) => Math.floor(31_250 + m.index * 811 + (t - 1.79e12) / 3.6e6),
  },
  {
    group: 'slow',
    name: 'energy_total',
    address: 'input:22#abcd',
    type: 'uint64',
    unit: 'Wh',
    description: 'Energy delivered; too long for a double, and still exact here',
    access: 'read',
    value: (m, t) => 9_007_199_254_740_993n + BigInt(Math.floor(t / 1000)) * BigInt(1_240 + m.index),
  },
  {
    group: 'slow',
    name: 'controller_version',
    address: 'holding:40/16',
    type: 'text',
    description: 'Firmware of the burner controller',
    access: 'read',
    value: () => 'BC-7 4.12.0',
  },
]

const packer: Point[] = [
  {
    group: 'fast',
    name: 'speed',
    address: 'input:0',
    type: 'uint16',
    unit: '1/min',
    description: 'Packs a minute',
    access: 'read',
    value: (m, t) => Math.round(get(m, 'speed') + 1.4 * noise(t, 7)),
  },
  {
    group: 'fast',
    name: 'speed_setpoint',
    address: 'holding:0',
    type: 'uint16',
    unit: '1/min',
    description: 'Wanted packs a minute',
    access: 'read_write',
    range: [0, 180],
    value: (m) => Math.round(get(m, 'speed_setpoint')),
  },
  {
    group: 'fast',
    name: 'packs_total',
    address: 'input:2',
    type: 'uint32',
    description: 'Packs since the counter was set',
    access: 'read',
    value: (_, t) => Math.floor((t - 1.79e12) / 500) % 4_000_000_000,
  },
  {
    group: 'fast',
    name: 'rejects_total',
    address: 'input:4',
    type: 'uint32',
    description: 'Packs thrown out by the checkweigher',
    access: 'read',
    value: (_, t) => Math.floor((t - 1.79e12) / 61_000) % 4_000_000_000,
  },
  {
    group: 'fast',
    name: 'infeed_full',
    address: 'discrete:3',
    type: 'bool',
    description: 'The infeed is full',
    access: 'read',
    value: (m, t) => wave(t, 33, m.index * 0.4) > 0.2,
  },
  {
    group: 'fast',
    name: 'film_tension',
    address: 'input:6#abcd',
    type: 'float32',
    unit: 'N',
    access: 'read',
    value: (m, t) => 14.5 + 0.8 * wave(t, 17, m.index) + 0.2 * noise(t, 8),
    digits: 1,
  },
  {
    group: 'slow',
    name: 'sealing_temperature',
    address: 'input:8',
    type: 'int16',
    unit: '°C',
    description: 'Jaw of the cross sealer',
    access: 'read',
    value: (_, t) => Math.round(148 + 2 * wave(t, 260)),
  },
  {
    group: 'slow',
    name: 'recipe',
    address: 'holding:20/24',
    type: 'text',
    description: 'Recipe loaded on the machine',
    access: 'read_write',
    value: (_, t) => (t / 14_400_000) % 1 < 0.06 ? 'Cleaning' : (['Flakes 500 g', 'Muesli 750 g', 'Oats 1 kg'][Math.floor(t / 14_400_000) % 3] ?? ''),
  },
  {
    group: 'slow',
    name: 'film_left',
    address: 'input:10',
    type: 'uint16',
    unit: 'm',
    description: 'Film left on the reel',
    access: 'read',
    value: (_, t) => 1200 - (Math.floor(t / 9000) % 1150),
  },
]

const many: Point[] = Array.from({ length: 4000 }, (_, index) => ({
  group: index % 4 === 0 ? 'slow' : 'fast',
  name: `cell_${String(index + 1).padStart(4, '0')}_voltage`,
  address: `input:${index}`,
  type: 'uint16',
  unit: 'mV',
  description: `Voltage of cell ${index + 1}`,
  access: 'read' as const,
  value: (_machine: Machine, t: number) => Math.round(3300 + 20 * wave(t, 60 + (index % 17), index / 97)),
}))


/** The simulated device of the starter example. */
const sim: Point[] = [
  {
    group: 'fast',
    name: 'temperature',
    address: 'ramp:20..80',
    type: 'float64',
    unit: '°C',
    description: 'Rises for a minute, then starts again',
    access: 'read',
    value: (_, t) => 20 + (t % 60_000) / 1_000,
    digits: 2,
  },
  {
    group: 'fast',
    name: 'speed_setpoint',
    address: 'setpoint:speed',
    type: 'float64',
    unit: 'rpm',
    description: 'Try to write to it',
    access: 'read_write',
    range: [0, 3000],
    value: (m) => get(m, 'speed_setpoint'),
  },
]

export const points = { boiler, packer, many, sim }

/** Moves what follows a set point, as a controller with some inertia would. */
export function step(machine: Machine, seconds: number) {
  const follow = (value: string, target: string, time: number) => {
    const gain = 1 - Math.exp(-seconds / time)
    machine.state[value] = get(machine, value) + (get(machine, target) - get(machine, value)) * gain
  }
  follow('pressure', 'pressure_setpoint', 12)
  follow('speed', 'speed_setpoint', 5)
}
