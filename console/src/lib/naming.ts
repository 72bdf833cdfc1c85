/** Names for tags that a device calls something else: legal, unique, and as short as tells them apart. */

/** As the edge bounds the names of tags. */
const bytesMax = 128
const reserved = new Set(['status'])

const size = (text: string) => new TextEncoder().encode(text).length

/** Letters and digits of any script, `.`, `_`, `-`; begins with a letter, a digit or `_`. */
export function tagNamePart(text: string): string {
  const legal = text.normalize('NFC').replace(/[^\p{Alphabetic}\p{N}._-]+/gu, '_').replace(/^[.-]+/, '').replace(/_+$/, '').replace(/^_+(?=.)/, '')
  return legal === '' ? 'tag' : legal
}

export function tagNameProblem(name: string): string | undefined {
  if (name === '') return 'Enter a name.'
  if (reserved.has(name)) return '`status` is the device’s own state. Choose another, such as `state`.'
  if (!/^[\p{Alphabetic}\p{N}_][\p{Alphabetic}\p{N}._-]*$/u.test(name)) return 'Use letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`.'
  if (size(name) > bytesMax) return `This is longer than ${bytesMax} bytes; shorten it.`
  return undefined
}

/** Names of devices and groups are ASCII: they stand in topics and addresses. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'Enter a name.'
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return 'Use letters from a to z, digits, `.`, `_` and `-`, beginning with a letter or digit.'
  return name.length > bytesMax ? `This is longer than ${bytesMax} bytes; shorten it.` : undefined
}

function fitting(name: string, suffix = ''): string {
  let short = name
  while (size(short) + size(suffix) > bytesMax) short = [...short].slice(1).join('')
  return tagNamePart(short) + suffix
}

/**
 * One name for each path (the outermost part first). Where the last part alone is not unique, parts before it
 * are added, joined by a point; where whole paths are the same, a number. `taken` is not touched.
 */
export function proposeNames(paths: readonly (readonly string[])[], taken: ReadonlySet<string>): string[] {
  const parts = paths.map((path) => path.map(tagNamePart))
  const depth = parts.map(() => 1)
  const named = (index: number) => {
    const own = parts[index] ?? []
    return fitting(own.slice(Math.max(0, own.length - (depth[index] ?? 1))).join('.') || 'tag')
  }
  let names = parts.map((_, index) => named(index))
  for (;;) {
    const clashing = clashes(names, taken).filter((index) => (depth[index] ?? 1) < (parts[index]?.length ?? 0))
    if (clashing.length === 0) break
    for (const index of clashing) depth[index] = (depth[index] ?? 1) + 1
    names = parts.map((_, index) => named(index))
  }
  return numbered(names, taken)
}

function clashes(names: string[], taken: ReadonlySet<string>): number[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return names.flatMap((name, index) => ((counts.get(name) ?? 0) > 1 || taken.has(name) || reserved.has(name) ? [index] : []))
}

function numbered(names: string[], taken: ReadonlySet<string>): string[] {
  const used = new Set([...taken, ...reserved])
  return names.map((name) => {
    let unique = name
    for (let number = 2; used.has(unique); number++) unique = fitting(name, `_${number}`)
    used.add(unique)
    return unique
  })
}
