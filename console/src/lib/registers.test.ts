import { expect, test } from 'vitest'

import { addressOf, bitsOf, bytesOf, charactersOf, factorFor, hexOf, likelyOrders, narrow, orders32, orders64, textLength, wide, type Order, type WideType } from './registers'

/** The bytes of a value on the wire, in an order written out letter by letter. */
function wire(type: WideType, value: number | bigint, letters: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(letters.length))
  if (type === 'float32') view.setFloat32(0, Number(value))
  else if (type === 'float64') view.setFloat64(0, Number(value))
  else if (type === 'int32') view.setInt32(0, Number(value))
  else if (type === 'uint32') view.setUint32(0, Number(value))
  else if (type === 'int64') view.setBigInt64(0, BigInt(value))
  else view.setBigUint64(0, BigInt(value))
  return Uint8Array.from(letters, (letter) => view.getUint8(letter.charCodeAt(0) - 65))
}

const cases: [WideType, number | bigint, string, Order, string][] = [
  ['uint32', 0x12345678, 'ABCD', 'ABCD', '305419896'],
  ['uint32', 4_294_967_295, 'CDAB', 'CDAB', '4294967295'],
  ['int32', -2_147_483_648, 'BADC', 'BADC', '-2147483648'],
  ['float32', 8.3, 'CDAB', 'CDAB', '8.3'],
  ['float32', -0.1, 'DCBA', 'DCBA', '-0.1'],
  ['float32', 16_777_217, 'ABCD', 'ABCD', '16777216'],
  ['float64', 0.1 + 0.2, 'ABCDEFGH', 'ABCD', '0.30000000000000004'],
  ['float64', 1234.5, 'GHEFCDAB', 'CDAB', '1234.5'],
  ['int64', -9_223_372_036_854_775_808n, 'ABCDEFGH', 'ABCD', '-9223372036854775808'],
  ['int64', 9_007_199_254_740_993n, 'HGFEDCBA', 'DCBA', '9007199254740993'],
  ['uint64', 18_446_744_073_709_551_615n, 'BADCFEHG', 'BADC', '18446744073709551615'],
  ['uint64', 1_234_567_890_123_456_789n, 'EFGHABCD', 'EFGHABCD', '1234567890123456789'],
  ['uint64', 1_234_567_890_123_456_789n, 'CDABGHEF', 'CDABGHEF', '1234567890123456789'],
  ['uint64', 1_234_567_890_123_456_789n, 'FEHGBADC', 'FEHGBADC', '1234567890123456789'],
  ['uint64', 1_234_567_890_123_456_789n, 'DCBAHGFE', 'DCBAHGFE', '1234567890123456789'],
]

test.each(cases)('%s %s, %s on the wire, read as %s', (type, value, letters, order, text) => {
  const block = Uint8Array.from([0xff, 0xff, ...wire(type, value, letters)])
  expect(wide(block, 1, type, order)?.text).toBe(text)
})

test('a value that sticks out of the block is none', () => {
  const block = bytesOf('000100020003')
  expect(wide(block, 2, 'int32', 'ABCD')).toBeUndefined()
  expect(wide(block, 0, 'int64', 'ABCD')).toBeUndefined()
  expect(narrow(block, 3, 'int16')).toBeUndefined()
})

test('single registers: signed, unsigned, hex, bits, characters', () => {
  const block = bytesOf('ff 85 48 69 00 00')
  expect(narrow(block, 0, 'int16')?.text).toBe('-123')
  expect(narrow(block, 0, 'uint16')?.text).toBe('65413')
  expect(hexOf(block, 0)).toBe('FF85')
  expect(bitsOf(block, 0).map(Number).toReversed().join('')).toBe('1111111110000101')
  expect(charactersOf(block, 1)).toBe('Hi')
  expect(textLength(block, 1)).toBe(2)
  expect(textLength(block, 2)).toBe(0)
})

const likely = (block: Uint8Array, type: WideType, orders: readonly Order[] = orders32) => likelyOrders(block, type, orders)

test.each(['ABCD', 'CDAB', 'BADC', 'DCBA'] as const)('a process value is recognised in order %s', (order) => {
  expect(likely(wire('float32', 83.5, order), 'float32')[0]).toBe(order)
  expect(likely(wire('int32', 70_123, order), 'int32')[0]).toBe(order)
})

test('of values that overlap the likeliest is kept', () => {
  const block = Uint8Array.from([...wire('float32', 83.9, 'CDAB'), ...wire('float32', 12.76, 'CDAB'), ...wire('int32', 70_123, 'ABCD'), 0, 0])
  expect(likely(block, 'float32').slice(0, 4)).toEqual(['CDAB', undefined, 'CDAB', undefined])
  expect(likely(block, 'int32').slice(4)).toEqual(['ABCD', undefined, undefined])
})

test('nothing is likely in zeros, in noise, and at the end', () => {
  expect(likely(bytesOf('00000000'), 'float32')).toEqual([undefined, undefined])
  expect(likely(bytesOf('ffffffff'), 'float32')).toEqual([undefined, undefined])
  expect(likely(bytesOf('41'), 'float32')).toEqual([])
  expect(likely(wire('uint64', 5_000_000_000n, 'EFGHABCD'), 'uint64', orders64)[0]).toBe('EFGHABCD')
})

test('what a person sees on the machine is found, with its factor', () => {
  expect(factorFor({ text: '835', number: 835 }, '83.5', true)).toBe(0.1)
  expect(factorFor({ text: '8.3', number: 8.3 }, '8,3', false)).toBe(1)
  expect(factorFor({ text: '835', number: 835 }, '83.5', false)).toBeUndefined()
  expect(factorFor({ text: '84', number: 84 }, '83.5', true)).toBeUndefined()
  expect(factorFor({ text: '84', number: 84 }, 'abc', true)).toBeUndefined()
})

test('an address repeats no order that the device has anyway', () => {
  expect(addressOf('holding', 100, 'float32', 'CDAB', 'ABCD')).toBe('holding:100#CDAB')
  expect(addressOf('holding', 100, 'float32', 'CDAB', 'CDAB')).toBe('holding:100')
  expect(addressOf('input', 7, 'uint16', 'CDAB', 'ABCD')).toBe('input:7')
})
