/** Patterns that choose tags, `device/tag` or `device/group/tag`, with `*` and `?`: as the edge reads them. */

export interface TagPattern {
  device: string
  group: string
  tag: string
}

/** Nothing when the text is not of the form. */
export function patternOf(text: string): TagPattern | undefined {
  if (text === '*') return { device: '*', group: '*', tag: '*' }
  const [device = '', second = '', third, ...rest] = text.split('/')
  const tag = third ?? second
  if (rest.length > 0 || device === '' || second === '' || tag === '' || /\s/.test(text)) return undefined
  return { device, group: third === undefined ? '*' : second, tag }
}

export function isPlain(glob: string): boolean {
  return !/[*?]/.test(glob)
}

/** The device and the tag of a pattern that can choose no other. */
export function exactOf({ device, group, tag }: TagPattern): { device: string; tag: string } | undefined {
  return isPlain(device) && isPlain(tag) && group === '*' ? { device, tag } : undefined
}

export function globMatches(glob: string, text: string): boolean {
  const source = [...glob].map((each) => (each === '*' ? '.*' : each === '?' ? '.' : each.replace(/[\\^$.+()[\]{}|/]/, String.raw`\$&`))).join('')
  return new RegExp(`^${source.replace(/(\.\*)+/g, '.*')}$`, 'su').test(text)
}

export function chooses(pattern: TagPattern, tag: { device: string; group: string; name: string }): boolean {
  return globMatches(pattern.device, tag.device) && globMatches(pattern.group, tag.group) && globMatches(pattern.tag, tag.name)
}

/** The longest part of a name without a sign that stands for others: what the edge can look for. */
export function literalOf(glob: string): string {
  return glob.split(/[*?]/).reduce((longest, part) => (part.length > longest.length ? part : longest), '')
}
