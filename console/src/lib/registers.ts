/** Modbus registers under every type and byte order, exact to 64 bits, and which reading is the likely one. */

export type Width = 1 | 2 | 4

export interface Reading {
  /** as the edge would show it */
  text: string
  /** near enough for comparing; never shown */
  number: number
}

/** Names as in addresses. The names of four letters hold for 64 bits too, where `CDAB` has all registers reversed. */
export const orders32 = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const
export const orders64 = [...orders32, 'EFGHABCD', 'CDABGHEF', 'FEHGBADC', 'DCBAHGFE'] as const
export type Order = (typeof orders64)[number]

export const wideTypes = ['float32', 'int32', 'uint32', 'float64', 'int64', 'uint64'] as const
export type WideType = (typeof wideTypes)[number]
export type NarrowType = 'int16' | 'uint16'

export function widthOf(type: WideType): 2 | 4 {
  return type.endsWith('64') ? 4 : 2
}

const inFull: Record<string, string> = { ABCD: 'ABCDEFGH', CDAB: 'GHEFCDAB', BADC: 'BADCFEHG', DCBA: 'HGFEDCBA' }

/** The edge sends bytes as hexadecimal text. */
export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replace(/[^0-9a-f]/gi, '')
  const bytes = new Uint8Array(Math.floor(digits.length / 2))
  for (let index = 0; index < bytes.length; index++) bytes[index] = parseInt(digits.slice(2 * index, 2 * index + 2), 16)
  return bytes
}

/** The bytes from register `at` on, the highest first; nothing where the block ends before. */
function arranged(block: Uint8Array, at: number, width: Width, order: Order | 'AB' | 'BA'): DataView | undefined {
  const size = 2 * width
  if (at < 0 || 2 * at + size > block.length) return undefined
  const letters = width === 4 ? (inFull[order] ?? order) : order
  const view = new DataView(new ArrayBuffer(size))
  for (let index = 0; index < size; index++) view.setUint8(letters.charCodeAt(index) - 65, block[2 * at + index] ?? 0)
  return view
}

export function narrow(block: Uint8Array, at: number, type: NarrowType): Reading | undefined {
  const view = arranged(block, at, 1, 'AB')
  if (view === undefined) return undefined
  const number = type === 'int16' ? view.getInt16(0) : view.getUint16(0)
  return { text: String(number), number }
}

export function wide(block: Uint8Array, at: number, type: WideType, order: Order): Reading | undefined {
  const view = arranged(block, at, widthOf(type), order)
  if (view === undefined) return undefined
  switch (type) {
    case 'int32':
      return whole(view.getInt32(0))
    case 'uint32':
      return whole(view.getUint32(0))
    case 'int64':
      return whole(view.getBigInt64(0))
    case 'uint64':
      return whole(view.getBigUint64(0))
    case 'float32':
      return { text: float32Text(view.getFloat32(0)), number: view.getFloat32(0) }
    case 'float64':
      return { text: float64Text(view.getFloat64(0)), number: view.getFloat64(0) }
  }
}

function whole(value: number | bigint): Reading {
  return { text: value.toString(), number: Number(value) }
}

/** The shortest digits that give the same 32 bits back. */
export function float32Text(value: number): string {
  if (!Number.isFinite(value) || value === 0) return float64Text(value)
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return float64Text(short)
  }
  return float64Text(value)
}

function float64Text(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  return size !== 0 && (size >= 1e9 || size < 1e-4) ? value.toExponential() : String(value)
}

export function hexOf(block: Uint8Array, at: number): string {
  return [block[2 * at] ?? 0, block[2 * at + 1] ?? 0].map((byte) => byte.toString(16).padStart(2, '0')).join('').toUpperCase()
}

/** The sixteen bits of a register, bit 0 (the lowest) first. */
export function bitsOf(block: Uint8Array, at: number): boolean[] {
  const value = ((block[2 * at] ?? 0) << 8) | (block[2 * at + 1] ?? 0)
  return Array.from({ length: 16 }, (_, bit) => ((value >> bit) & 1) === 1)
}

/** Characters of a register; a point where there is none to show. */
export function charactersOf(block: Uint8Array, at: number): string {
  return [block[2 * at] ?? 0, block[2 * at + 1] ?? 0].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
}

/** Length in bytes of the readable text that begins at a register: whole registers, 0 when there is none. */
export function textLength(block: Uint8Array, at: number): number {
  let end = 2 * at
  while (end < block.length && (block[end] ?? 0) >= 0x20 && (block[end] ?? 0) < 0x7f) end++
  return Math.min(250, Math.ceil((end - 2 * at) / 2) * 2)
}

function empty(block: Uint8Array, at: number, width: Width): boolean {
  return block.slice(2 * at, 2 * (at + width)).every((byte) => byte === 0)
}

/** Process values lie in here; what is wildly outside was read in the wrong order. */
const floatLeast = 1e-3
const floatMost = 1e7
const wholeMost: Record<2 | 4, number> = { 2: 1e7, 4: 1e12 }

interface Likely {
  at: number
  order: Order
  /** the lower, the likelier, beside readings of the same type that overlap it */
  cost: number
}

/**
 * The order under which registers make the most sensible value of this type, or nothing when none does.
 * Floats: of a usual size, and the fewest digits. Whole numbers: the smallest. A draw goes to the first named.
 */
function likelyAt(block: Uint8Array, at: number, type: WideType, orders: readonly Order[]): Likely | undefined {
  const width = widthOf(type)
  if (empty(block, at, width)) return undefined
  const float = type.startsWith('float')
  let best: Likely | undefined
  for (const order of orders) {
    const reading = wide(block, at, type, order)
    if (reading === undefined) return undefined
    const size = Math.abs(reading.number)
    const sensible = float ? size >= floatLeast && size < floatMost : size > 0 && size < wholeMost[width]
    if (!sensible) continue
    const cost = float ? reading.text.replace(/[^0-9]/g, '').replace(/^0+/, '').length : size
    if (best === undefined || cost < best.cost) best = { at, order, cost }
  }
  return best
}

/** A whole number that a single register could hold is no sign that two belong together. */
const weak = 65_536

/** For each register the likely order of a value that begins there. Of readings that overlap only the likeliest is kept. */
export function likelyOrders(block: Uint8Array, type: WideType, orders: readonly Order[]): (Order | undefined)[] {
  const rows = Math.floor(block.length / 2)
  const width = widthOf(type)
  const found = Array.from({ length: rows }, (_, at) => likelyAt(block, at, type, orders)).filter((each) => each !== undefined)
  const strength = (each: Likely) => (type.startsWith('float') || each.cost >= weak ? each.cost : Number.MAX_SAFE_INTEGER / 2 + each.cost)
  const kept: (Order | undefined)[] = Array.from({ length: rows })
  const used = new Uint8Array(rows)
  for (const { at, order } of found.toSorted((a, b) => strength(a) - strength(b) || a.at - b.at)) {
    if (used.subarray(at, at + width).includes(1)) continue
    used.fill(1, at, at + width)
    kept[at] = order
  }
  return kept
}

/** Factors by which devices keep decimals in whole numbers. */
const factors = [1, 0.1, 0.01, 0.001] as const

/** By what a reading must be multiplied to show what a person sees on the machine, or nothing when it is not that. */
export function factorFor(reading: Reading | undefined, wanted: string, integer: boolean): number | undefined {
  const text = wanted.trim().replace(',', '.')
  if (reading === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) || !Number.isFinite(reading.number)) return undefined
  const target = Number(text)
  // What is typed was rounded for display, and the value has moved a little since.
  const decimals = text.split('.')[1]?.length ?? 0
  const slack = Math.max(0.5001 * 10 ** -decimals, 0.002 * Math.abs(target))
  if (target === 0) return undefined
  return (integer ? factors : [1 as const]).find((factor) => Math.abs(reading.number * factor - target) <= slack)
}

export interface RegisterPick {
  address: string
  type: string
  scale?: { slope: number; offset: number }
}

/** The address of a pick; an order that is the device's own is not repeated. */
export function addressOf(area: string, register: number, type: string, order: Order | undefined, deviceOrder: string): string {
  const suffix = order === undefined || order === deviceOrder || !type.match(/(32|64)$/) ? '' : `#${order}`
  return `${area}:${register}${suffix}`
}
