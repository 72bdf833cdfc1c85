/** Counts and sizes for people; values of tags are never formatted here, the edge's `text` is shown. */

const grouped = new Intl.NumberFormat('en-US')

export function count(value: number): string {
  return grouped.format(value).replaceAll(',', '\u202f')
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function bytes(value: number): string {
  let size = value
  let unit = 'B'
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (size < 1_000) break
    size /= 1_000
    unit = next
  }
  return `${unit === 'B' || size >= 100 ? Math.round(size) : size.toFixed(1)} ${unit}`
}

/** A number for the axis of a chart: as few digits as tell it from its neighbours. */
export function axisNumber(value: number, step: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1e7 || Math.abs(step) < 1e-6) return value.toExponential(2)
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)))
  return value.toFixed(digits)
}

/** Steps of 1, 2 or 5 that cover a range with at most `most` marks. */
export function ticks(low: number, high: number, most: number): number[] {
  const span = high - low
  if (!(span > 0) || !Number.isFinite(span)) return [low]
  const rough = span / most
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  const marks: number[] = []
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index++) marks.push(index * step)
  return marks
}

export type Entered = { ok: true; json: string; text: string } | { ok: false; problem: string }

/** Bounds of `int8` to `uint64`, by the name of the type. */
function integerBounds(type: string): [bigint, bigint] | undefined {
  const [, unsigned, digits] = /^(u?)int(8|16|32|64)$/.exec(type) ?? []
  if (digits === undefined) return undefined
  const bits = BigInt(digits)
  return unsigned === 'u' ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
}

/** What a person typed as the new value of a tag, as exact JSON; or what is wrong with it. */
export function enteredValue(typed: string, type: string, range: [number, number] | undefined): Entered {
  const text = typed.trim()
  if (type === 'text') return { ok: true, json: JSON.stringify(typed), text: typed }
  if (text === '') return { ok: false, problem: 'Enter a value.' }
  if (type === 'bool') {
    if (text === 'true' || text === 'false') return { ok: true, json: text, text }
    return { ok: false, problem: 'Choose on or off.' }
  }
  const bounds = integerBounds(type)
  if (bounds !== undefined) {
    if (!/^[+-]?\d+$/.test(text)) return { ok: false, problem: 'Enter a whole number.' }
    const value = BigInt(text.replace('+', ''))
    if (value < bounds[0] || value > bounds[1]) {
      return { ok: false, problem: `Type ${type} lies between ${bounds[0]} and ${bounds[1]}.` }
    }
    if (range !== undefined && (Number(value) < range[0] || Number(value) > range[1])) {
      return { ok: false, problem: `Enter a value from ${range[0]} to ${range[1]}.` }
    }
    return { ok: true, json: value.toString(), text: value.toString() }
  }
  if (/^[+-]?\d+,\d+$/.test(text)) return { ok: false, problem: 'Use a point as the decimal sign, such as 8.5.' }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return { ok: false, problem: 'Enter a number.' }
  const value = Number(text)
  if (!Number.isFinite(value)) return { ok: false, problem: 'The number is too large.' }
  if (range !== undefined && (value < range[0] || value > range[1])) {
    return { ok: false, problem: `Enter a value from ${range[0]} to ${range[1]}.` }
  }
  return { ok: true, json: JSON.stringify(value), text: String(value) }
}
