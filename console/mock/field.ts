/** What stands behind the mock's links: registers of a press, an OPC UA server with a tree, simulated signals. */
import type { BrowseNode, Quality } from '../src/api/types'
import { wide, wideTypes, narrow, orders64, bytesOf, type Order } from '../src/lib/registers'

export interface FieldValue {
  value: unknown
  text: string | null
  quality: Quality
}

const goodQuality: Quality = { severity: 'good', code: 0, name: 'Good', reason: 'good' }
const noAddress: Quality = { severity: 'bad', code: 0x80340000, name: 'BadNodeIdUnknown', reason: 'the device has no such address' }
const noData: Quality = { severity: 'bad', code: 0x80380002, name: 'BadOutOfRange', reason: 'illegal data address (exception 2): the device has no such register' }

const bad = (quality: Quality): FieldValue => ({ value: null, text: null, quality })
const good = (text: string, value: unknown = Number(text)): FieldValue => ({ value, text, quality: goodQuality })

const wave = (seconds: number, phase = 0) => Math.sin((Date.now() / 1000 / seconds + phase) * 2 * Math.PI)

/** Registers 0 to 199 of both tables; floats at 100 have their registers exchanged, as many controllers do. */
export function registers(): Uint8Array {
  const bytes = new Uint8Array(400)
  const view = new DataView(bytes.buffer)
  const put32 = (at: number, bits: number, exchanged: boolean) => {
    view.setUint16(2 * at, exchanged ? bits & 0xffff : bits >>> 16)
    view.setUint16(2 * at + 2, exchanged ? bits >>> 16 : bits & 0xffff)
  }
  const floatBits = (value: number) => {
    const scratch = new DataView(new ArrayBuffer(4))
    scratch.setFloat32(0, value)
    return scratch.getUint32(0)
  }
  put32(100, floatBits(Math.round(835 + 1.4 * wave(20)) / 10), true)
  put32(102, floatBits(Math.round(1250 + 30 * wave(31)) / 100), true)
  view.setUint16(208, Math.round(835 + 1.4 * wave(20)))
  view.setInt16(210, -12)
  put32(106, 70_123 + Math.floor((Date.now() / 2000) % 1000), false)
  view.setBigUint64(220, 1_234_567_890_123_456_789n)
  view.setFloat64(228, 98_765.4321)
  new TextEncoder().encodeInto('PRESS-4711 R2', bytes.subarray(240, 260))
  view.setUint16(260, 0b1000_0000_0010_0101)
  return bytes
}

function modbus(address: string, type: string, settings: Record<string, unknown>): FieldValue {
  const [, area, start, bit, length, order] = /^(coil|discrete|input|holding|c|d|i|h):(\d+)(?:\.(\d+))?(?:\/(\d+))?(?:#([A-Z]+))?$/i.exec(address) ?? []
  if (area === undefined) return bad(noAddress)
  const at = Number(start)
  const block = registers()
  if (at >= 200) return bad(noData)
  if (area.startsWith('c') || area.startsWith('d')) return good(String(at % 3 === 0), at % 3 === 0)
  if (bit !== undefined) {
    const on = (((block[2 * at] ?? 0) * 256 + (block[2 * at + 1] ?? 0)) >> Number(bit)) % 2 === 1
    return good(String(on), on)
  }
  if (type === 'bytes' || type === 'text') {
    const size = Number(length ?? 2)
    if (2 * at + size > block.length) return bad(noData)
    const part = block.slice(2 * at, 2 * at + size)
    const text = type === 'bytes' ? Buffer.from(part).toString('hex') : Buffer.from(part).toString('latin1').replace(/\0+$/, '')
    return good(text, text)
  }
  const chosen = orders64.find((each) => each === (order ?? settings['byte_order'] ?? 'ABCD').toString().toUpperCase()) ?? 'ABCD'
  const wideType = wideTypes.find((each) => each === type)
  const reading = wideType !== undefined ? wide(block, at, wideType, chosen as Order) : narrow(block, at, type === 'int16' ? 'int16' : 'uint16')
  return reading === undefined ? bad(noData) : good(reading.text, type.endsWith('64') && type !== 'float64' ? reading.text : reading.number)
}

function sim(address: string): FieldValue {
  const [, kind, rest] = /^(sine|ramp|setpoint|counter)(?::(.*))?$/.exec(address) ?? []
  if (kind === 'sine') return good(wave(Number(/\d+/.exec(rest ?? '')?.[0] ?? 30)).toFixed(4))
  if (kind === 'ramp') {
    const [from = 0, to = 1] = (rest ?? '').split('..').map(Number)
    return good((from + ((to - from) * (Date.now() % 60_000)) / 60_000).toFixed(3))
  }
  if (kind === 'counter') return good(String(Math.floor(Date.now() / 1000)))
  return kind === 'setpoint' ? good('0') : bad(noAddress)
}

interface Leaf {
  type: string
  unit?: string
  write?: boolean
  description?: string
  text: () => string
}

type Tree = { [name: string]: Tree | Leaf }

const leaf = (type: string, unit: string | undefined, text: () => string, more: Partial<Leaf> = {}): Leaf => ({ type, unit, text, ...more })
const drive = (index: number): Tree => ({
  Speed: leaf('float64', 'rpm', () => (1450 + 20 * wave(17, index / 5)).toFixed(1), { description: `Speed of drive ${index}` }),
  Torque: leaf('float64', 'Nm', () => (82 + 9 * wave(11, index / 3)).toFixed(2)),
  Current: leaf('float32', 'A', () => (31 + 2 * wave(13, index / 7)).toFixed(2)),
  Running: leaf('bool', undefined, () => 'true'),
  'Set speed': leaf('float64', 'rpm', () => '1450.0', { write: true, description: 'Set point of the speed' }),
})

export const opcUaTree: Tree = {
  Objects: {
    PressLine: {
      Hydraulics: {
        Pressure: leaf('float64', 'bar', () => (210 + 6 * wave(9)).toFixed(2), { description: 'Pressure of the main pump' }),
        'Oil temperature': leaf('float64', '°C', () => (48 + wave(60)).toFixed(1)),
        'Oil level': leaf('float32', '%', () => '87.5'),
      },
      Drives: Object.fromEntries([1, 2, 3, 4].map((index) => [`Drive ${index}`, drive(index)])),
      Counters: {
        Strokes: leaf('uint64', undefined, () => String(9_007_199_254_740_993n + BigInt(Math.floor(Date.now() / 500) % 100_000)), { description: 'Since it was built' }),
        Rejects: leaf('uint32', undefined, () => '118'),
      },
      State: leaf('text', undefined, () => 'pressing', { description: 'What the line does' }),
      'Recipe number': leaf('int32', undefined, () => '12', { write: true }),
    },
    Archive: Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`Batch ${String(index + 1).padStart(3, '0')}`, leaf('text', undefined, () => `ok ${index + 1}`)])),
    Server: { ServerStatus: { CurrentTime: leaf('text', undefined, () => new Date().toISOString()), State: leaf('int32', undefined, () => '0') } },
  },
  Types: {},
}

const isLeaf = (node: Tree | Leaf): node is Leaf => typeof (node as Leaf).text === 'function'

function nodeAt(path: string[]): Tree | Leaf | undefined {
  let at: Tree | Leaf | undefined = opcUaTree
  for (const part of path) {
    if (at === undefined || isLeaf(at)) return undefined
    at = at[part]
  }
  return at
}

const pageSize = 100

/** A page of what is inside a node, and where the next begins. */
export function browse(node: string, after: string | null): { nodes: BrowseNode[]; more: string | null } | undefined {
  const path = node === '' ? [] : node.split('/')
  const found = nodeAt(path)
  if (found === undefined || isLeaf(found)) return undefined
  const entries = Object.entries(found)
  const from = after === null ? 0 : Number(after)
  const nodes = entries.slice(from, from + pageSize).map(([name, inner]): BrowseNode => {
    const id = [...path, name].join('/')
    if (!isLeaf(inner)) return { id, name, inside: Object.keys(inner).length > 0, address: null, type: null, write: false, description: null, unit: null, value: null }
    const text = inner.text()
    const value = inner.type === 'text' ? text : inner.type === 'bool' ? text === 'true' : Number(text)
    return { id, name, inside: false, address: `nsu=urn:press:line;s=${[...path.slice(1), name].join('.')}`, type: inner.type, write: inner.write ?? false, description: inner.description ?? null, unit: inner.unit ?? null, value }
  })
  return { nodes, more: from + pageSize < entries.length ? String(from + pageSize) : null }
}

function opcUa(address: string): FieldValue {
  const name = /s=(.*)$/.exec(address)?.[1]
  const node = name === undefined ? undefined : nodeAt(['Objects', ...name.split('.')])
  if (node === undefined || !isLeaf(node)) return bad(noAddress)
  const text = node.text()
  const value = node.type === 'text' ? text : node.type === 'bool' ? text === 'true' : node.type === 'uint64' ? text : Number(text)
  return good(text, value)
}

export function fieldValue(driver: string, settings: Record<string, unknown>, address: string, type: string): FieldValue {
  if (driver.startsWith('modbus')) return modbus(address, type, settings)
  if (driver === 'opcua') return opcUa(address)
  return sim(address)
}

export function frameHex(text: string): string {
  return [...bytesOf(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
