/**
 * Changes to a configuration as text: what is not touched stays as it is written, comments and all.
 * New devices and tags are spliced in at their places; a form that is not expected (flow style) is
 * written anew at the smallest part around it. The edge has the last word on what the text means.
 */
import { Document, Scalar, isMap, isPair, isScalar, isSeq, parse, parseDocument, visit, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'

/** A tag has an address or a formula. */
export interface TagForm {
  name: string
  address?: string
  formula?: string
  type: string
  unit?: string
  description?: string
  access?: string
  scale?: { slope: number; offset: number }
}

export interface GroupForm {
  name: string
  interval: string
  tags: TagForm[]
}

export interface DeviceForm {
  name: string
  description?: string
  driver?: string
  template?: string
  parameters?: Record<string, unknown>
  enabled?: boolean
  settings?: Record<string, unknown>
  groups?: GroupForm[]
}

/** The text that an edge without a configuration starts from. */
export function emptyDocument(edge: string): string {
  const name = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(edge) ? edge : 'edge-1'
  return `version: 1\nedge:\n  name: ${name}\ndevices:\n`
}

/** A device as the document has it; nothing when there is no such device or the text is broken. */
export function deviceIn(text: string, name: string): DeviceForm | undefined {
  return itemIn(text, 'devices', name) as DeviceForm | undefined
}

export function deviceNames(text: string): string[] {
  return namesIn(text, 'devices')
}

export function namesIn(text: string, list: List): string[] {
  const found = parseDocument(text).getIn(pathOf(list))
  if (!isSeq(found)) return []
  return found.items.flatMap((item) => (isMap(item) && typeof item.get('name') === 'string' ? [String(item.get('name'))] : []))
}

export function templatesIn(text: string): Record<string, unknown>[] {
  const templates = parseDocument(text).get('templates')
  return isSeq(templates) ? (templates.toJSON() as Record<string, unknown>[]) : []
}

/** The lists of the document whose items have names. */
export type List = 'devices' | 'templates' | 'rules' | 'alarms' | 'notify.channels' | 'notify.routes'

const pathOf = (list: List) => list.split('.')

/** An item as the document has it; nothing when there is none of its name or the text is broken. */
export function itemIn(text: string, list: List, name: string): unknown {
  return itemNode(parseDocument(text), list, name)?.toJSON()
}

/** The same with the places and the exact texts of its values. */
export function nodeIn(text: string, list: List, name: string): YAMLMap | undefined {
  return itemNode(parseDocument(text), list, name)
}

export function withDevice(text: string, device: DeviceForm): string {
  return withItem(text, 'devices', pruned(device))
}

/** Adds a template, or puts it in the place of the one with its name. */
export function withTemplate(text: string, template: string): string {
  const value: unknown = parse(template)
  const form = Array.isArray(value) ? value[0] : value
  if (typeof form !== 'object' || form === null || !('name' in form)) return text
  const document = parseDocument(text)
  const templates = document.get('templates')
  const old = isSeq(templates) ? templates.items.find((item) => isMap(item) && item.get('name') === form.name) : undefined
  if (!isMap(old) || !hasRange(old)) return withItem(text, 'templates', form)
  if (isSeq(templates) && templates.flow === true) return rewritten(text, (whole) => whole.setIn(['templates', templates.items.indexOf(old)], form))
  const span = spanOf(text, old)
  const column = columnOf(text, old.range[0])
  return text.slice(0, old.range[0]) + indented(blockText(form), column).trimStart() + text.slice(span.end)
}

/** Adds tags to groups of a device; groups that are not there yet are made. */
export function withTags(text: string, device: string, groups: GroupForm[]): string {
  return groups.filter((group) => group.tags.length > 0).reduce((before, group) => withGroupTags(before, device, group), text)
}

function withGroupTags(text: string, name: string, group: GroupForm): string {
  const device = itemNode(parseDocument(text), 'devices', name)
  if (device === undefined) return text
  const groups = device.get('groups')
  const form = { name: group.name, interval: group.interval, tags: group.tags }
  if (device.flow === true) return withinItem(text, 'devices', name, (document) => addTags(document, form))
  if (!isSeq(groups) || groups.items.length === 0) return withinItem(text, 'devices', name, (document) => addTags(document, form))
  if (groups.flow === true) return withinItem(text, 'devices', name, (document) => addTags(document, form))
  const found = groups.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === group.name)
  if (found === undefined) return appended(text, groups, form)
  const tags = found.get('tags')
  if (found.flow !== true && isSeq(tags) && tags.flow !== true && tags.items.length > 0) {
    return group.tags.reduceRight((before, tag) => appended(before, tags, tag), text)
  }
  return withinItem(text, 'devices', name, (document) => addTags(document, form))
}

function addTags(document: Document, group: GroupForm) {
  const groups = document.get('groups')
  if (!isSeq(groups)) {
    document.set('groups', document.createNode([group]))
  } else {
    const found = groups.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === group.name)
    if (found === undefined) groups.add(document.createNode(group))
    else {
      const tags = found.get('tags')
      if (isSeq(tags)) for (const tag of group.tags) tags.add(document.createNode(tag))
      else found.set('tags', document.createNode(group.tags))
      found.flow = false
    }
    groups.flow = false
  }
}

/** Changes one tag where it stands: keys whose value is `undefined` are removed, and what is the same stays as it is written. */
export function withTagKeys(text: string, device: string, tag: string, keys: Partial<TagForm>): string {
  const edit = (map: unknown) => {
    if (!isMap(map)) return
    for (const [key, value] of Object.entries(keys)) {
      const old: unknown = map.get(key, true)
      if (value === undefined) map.delete(key)
      else if (!isScalar(old) || old.value !== value) {
        const fresh = new Scalar(value)
        if (isScalar(old) && old.comment !== undefined) fresh.comment = old.comment
        map.set(key, fresh)
      }
    }
  }
  const found = tagNode(parseDocument(text), device, tag)
  if (found === undefined) return text
  const { item, tags } = found
  if (tags.flow === true || !hasRange(item)) return withinItem(text, 'devices', device, (document) => edit(tagIn(document, tag)?.item))
  if (item.flow !== true) {
    return rewrittenBlock(text, item, (document) => {
      edit(document.contents)
      if (isMap(document.contents)) document.contents.flow = false
    })
  }
  const column = columnOf(text, item.range[0])
  const own = parseDocument(text.slice(item.range[0], item.range[1]))
  edit(own.contents)
  const form = own.toJSON() as object
  styled(own)
  if (oneLine(form)) return text.slice(0, item.range[0]) + indented(own.toString({ lineWidth: 0 }), column).trim() + text.slice(item.range[1])
  // A comment behind the tag would become a part of its last text.
  const end = lineEnd(text, item.range[1] - 1)
  const behind = text.slice(item.range[1], end).trim()
  const fresh = indented(`${behind === '' ? '' : `${behind}\n`}${blockText(form)}`, column).trimStart()
  return text.slice(0, item.range[0]) + fresh + text.slice(end)
}

/** Takes a tag out, with the comment lines that stand directly above it; its group stays. */
export function withoutTag(text: string, device: string, tag: string): string {
  const found = tagNode(parseDocument(text), device, tag)
  if (found === undefined) return text
  const { item, tags, pair } = found
  if (tags.flow === true || !hasRange(item)) {
    return withinItem(text, 'devices', device, (document) => {
      const own = tagIn(document, tag)
      own?.tags.delete(own.tags.items.indexOf(own.item))
    })
  }
  return withoutFrom(text, tags, item, pair)
}

interface TagPlace {
  item: YAMLMap
  tags: YAMLSeq
  /** the key `tags` with its list */
  pair: Pair | undefined
}

function tagNode(document: Document, device: string, tag: string): TagPlace | undefined {
  const item = itemNode(document, 'devices', device)
  return item === undefined ? undefined : tagIn(item, tag)
}

function tagIn(device: { get: (key: string) => unknown }, tag: string): TagPlace | undefined {
  const groups = device.get('groups')
  if (!isSeq(groups)) return undefined
  for (const group of groups.items) {
    if (!isMap(group)) continue
    const pair = group.items.find((each) => isScalar(each.key) && each.key.value === 'tags')
    const tags = pair?.value
    const item = isSeq(tags) ? tags.items.find((each): each is YAMLMap => isMap(each) && each.get('name') === tag) : undefined
    if (isSeq(tags) && item !== undefined) return { item, tags, pair }
  }
  return undefined
}

/** Keys whose value is `undefined` are removed; the rest of the device stays as it is. */
export function withDeviceKeys(text: string, name: string, keys: Partial<DeviceForm>): string {
  return withinItem(text, 'devices', name, (document) => {
    for (const [key, value] of Object.entries(keys)) {
      if (key === 'settings' || key === 'parameters') mergeMap(document, key, (value ?? {}) as Record<string, unknown>)
      else if (value === undefined) document.delete(key)
      else document.set(key, value)
    }
  })
}

/** Only what differs is written, so that comments beside what stays stay too. */
export function mergeMap(document: Pick<Document, 'get' | 'set' | 'createNode'>, key: string, wanted: Record<string, unknown>) {
  const map = document.get(key)
  if (!isMap(map)) {
    if (Object.keys(wanted).length > 0) document.set(key, document.createNode(wanted))
    return
  }
  const now = map.toJSON() as Record<string, unknown>
  for (const inner of Object.keys(now)) if (!(inner in wanted) || wanted[inner] === undefined) map.delete(inner)
  for (const [inner, value] of Object.entries(wanted)) {
    if (value !== undefined && JSON.stringify(now[inner]) !== JSON.stringify(value)) map.set(inner, document.createNode(value))
  }
}

export function withoutDevice(text: string, name: string): string {
  return withoutItem(text, 'devices', name)
}

/** Takes an item out, with the comment lines that stand directly above it. */
export function withoutItem(text: string, list: List, name: string): string {
  const document = parseDocument(text)
  const items = document.getIn(pathOf(list))
  const item = itemNode(document, list, name)
  if (!isSeq(items) || item === undefined || !hasRange(item)) return text
  if (items.flow === true) return rewritten(text, (whole) => whole.deleteIn([...pathOf(list), items.items.indexOf(item)]))
  return withoutFrom(text, items, item, pairOf(document, list))
}

/** `pair` is the list with its key, which stays when the last item goes. */
function withoutFrom(text: string, items: YAMLSeq, item: Ranged, pair: Pair | undefined): string {
  const { end } = spanOf(text, item)
  const dash = text.lastIndexOf('-', item.range[0])
  let start = lineStart(text, dash)
  const indent = text.slice(start, dash)
  for (;;) {
    const above = lineStart(text, start - 1)
    if (start === 0 || !text.slice(above, start).startsWith(`${indent}#`)) break
    start = above
  }
  if (items.items.length > 1) return text.slice(0, start) + text.slice(end)
  const colon = isScalar(pair?.key) && hasRange(pair.key) ? text.indexOf(':', pair.key.range[1]) : -1
  return colon < 0 ? text : `${text.slice(0, colon + 1)} []${text.slice(colon + 1, start)}${text.slice(end)}`
}

/** Adds an item to one of the document's lists, which is made when it is missing. */
export function withItem(text: string, key: List, form: object): string {
  const document = parseDocument(text)
  const list = document.getIn(pathOf(key))
  if (isSeq(list) && list.items.length > 0) {
    return list.flow === true ? rewritten(text, (whole) => whole.addIn(pathOf(key), whole.createNode(form))) : appended(text, list, form)
  }
  const [outer = key, inner] = pathOf(key)
  const pair = pairOf(document, key)
  if (inner !== undefined && pair === undefined) return withInnerList(text, outer, inner, form)
  const column = isScalar(pair?.key) && hasRange(pair.key) ? columnOf(text, pair.key.range[0]) : 0
  const item = indented(`- ${indented(blockText(form), 2).trimStart()}`, column + 2)
  if (pair === undefined || !isScalar(pair.key) || !hasRange(pair.key)) {
    const before = text === '' || text.endsWith('\n') ? text : `${text}\n`
    // Templates come before the devices that use them.
    const devices = pairOf(document, 'devices')
    if (key === 'templates' && isScalar(devices?.key) && hasRange(devices.key)) {
      const at = lineStart(text, devices.key.range[0])
      return `${text.slice(0, at)}${key}:\n${item}${text.slice(at)}`
    }
    return `${before}${key}:\n${item}`
  }
  const colon = text.indexOf(':', pair.key.range[1])
  const line = lineEnd(text, colon)
  const rest = text.slice(colon + 1, line)
  const comment = rest.includes('#') ? ` ${rest.slice(rest.indexOf('#')).trimEnd()}` : ''
  return `${text.slice(0, colon + 1)}${comment}\n${item}${text.slice(Math.min(text.length, line))}`
}

/** Makes a list with its first item inside a map of the document, which is made too when it is missing. */
function withInnerList(text: string, outer: string, inner: string, form: object): string {
  return withinMap(text, outer, (document) => document.set(inner, document.createNode([pruned(form)])))
}

/** Rewrites one map of the document, which is made when it is missing. */
export function withinMap(text: string, key: string, edit: (document: Document) => void): string {
  const document = parseDocument(text)
  const map = document.get(key)
  if (isMap(map) && map.flow !== true && hasRange(map)) return rewrittenBlock(text, map, edit)
  const fresh = new Document(isMap(map) ? map.toJSON() : {})
  edit(fresh)
  if (document.has(key)) return rewritten(text, (whole) => whole.set(key, fresh.contents))
  styled(fresh)
  return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${key}:\n${indented(fresh.toString({ lineWidth: 0 }), 2)}`
}

/** Writes an item behind the last of a list in block style, at its indentation. */
function appended(text: string, list: YAMLSeq, form: object): string {
  const last = list.items.at(-1) as Node | undefined
  if (!hasRange(list) || last === undefined || !hasRange(last)) return text
  const column = columnOf(text, list.range[0])
  const flow = isMap(last) && last.flow === true && isTag(Object.keys(form)) && oneLine(form)
  const body = flow ? flowText(form) : indented(blockText(form), 2).trimStart()
  const { end } = spanOf(text, last)
  const before = text.slice(0, end)
  return `${before}${before.endsWith('\n') ? '' : '\n'}${indented(`- ${body}`, column)}${text.slice(end)}`
}

/** Rewrites one item, and nothing around it. */
export function withinItem(text: string, list: List, name: string, edit: (document: Document) => void): string {
  const item = itemNode(parseDocument(text), list, name)
  if (item === undefined || !hasRange(item)) return text
  if (item.flow === true) {
    const document = parseDocument(text.slice(item.range[0], item.range[1]))
    edit(document)
    styled(document)
    return text.slice(0, item.range[0]) + indented(document.toString({ lineWidth: 0 }), columnOf(text, item.range[0])).trim() + text.slice(item.range[1])
  }
  return rewrittenBlock(text, item, edit)
}

/** Sets one key of several items where they stand, and nothing else; a key that is not there comes behind the name. */
export function withKeyOfItems(text: string, list: List, names: ReadonlySet<string>, key: string, value: string): string {
  const items = parseDocument(text).getIn(pathOf(list))
  if (!isSeq(items)) return text
  let done = 0
  const parts: string[] = []
  for (const item of items.items) {
    if (!isMap(item) || !names.has(String(item.get('name')))) continue
    const [from, to, fresh] = keyEdit(text, item, key, value) ?? [done, done, '']
    parts.push(text.slice(done, from), fresh)
    done = to
  }
  return parts.join('') + text.slice(done)
}

/** From where to where the text is replaced, and by what. */
function keyEdit(text: string, item: YAMLMap, key: string, value: string): [number, number, string] | undefined {
  const old = item.get(key, true)
  // A key without a value has a place of no length directly behind its colon.
  if (hasRange(old)) return [old.range[0], old.range[1], old.range[0] === old.range[1] ? ` ${value}` : value]
  const name = item.get('name', true)
  if (!hasRange(name) || !hasRange(item)) return undefined
  if (item.flow === true) return [name.range[1], name.range[1], `, ${key}: ${value}`]
  const end = lineEnd(text, name.range[1] - 1)
  const line = `${' '.repeat(columnOf(text, item.range[0]))}${key}: ${value}\n`
  return [end, end, text[end - 1] === '\n' ? line : `\n${line}`]
}

function rewrittenBlock(text: string, item: Ranged, edit: (document: Document) => void): string {
  const column = columnOf(text, item.range[0])
  const { end } = spanOf(text, item)
  const own = `${' '.repeat(column)}${text.slice(item.range[0], end)}`
  const document = parseDocument(own.split('\n').map((line) => (line.startsWith(' '.repeat(column)) ? line.slice(column) : line.trimStart())).join('\n'))
  edit(document)
  styled(document)
  const fresh = indented(document.toString({ lineWidth: 0 }), column).trimStart()
  return text.slice(0, item.range[0]) + fresh + text.slice(end)
}

/** For lists in flow style at the top: rare, and written anew as a whole. */
function rewritten(text: string, edit: (document: Document) => void): string {
  const document = parseDocument(text)
  edit(document)
  styled(document)
  return document.toString({ lineWidth: 0 })
}

function itemNode(document: Document, list: List, name: string): YAMLMap | undefined {
  const items = document.getIn(pathOf(list))
  if (!isSeq(items)) return undefined
  return items.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name)
}

function pairOf(document: Document, list: string): Pair | undefined {
  const keys = list.split('.')
  const key = keys.at(-1)
  const contents = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1))
  return isMap(contents) ? contents.items.find((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === key) : undefined
}

type Ranged = { range: [number, number, number] }

function hasRange(node: unknown): node is Ranged {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
}

/** From a node to the end of its last line. */
function spanOf(text: string, node: Ranged): { end: number } {
  let last = Math.max(node.range[0], node.range[1] - 1)
  while (last > node.range[0] && /\s/.test(text[last] ?? '')) last--
  return { end: lineEnd(text, last) }
}

function lineStart(text: string, at: number): number {
  return at <= 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}

function columnOf(text: string, at: number): number {
  return at - lineStart(text, at)
}

function indented(text: string, by: number): string {
  const space = ' '.repeat(by)
  return text.split('\n').map((line) => (line === '' ? line : space + line)).join('\n')
}

function blockText(form: object): string {
  const document = new Document(pruned(form))
  styled(document)
  return document.toString({ lineWidth: 0 })
}

function flowText(form: object): string {
  const document = new Document(pruned(form))
  if (isMap(document.contents)) document.contents.flow = true
  styled(document)
  return document.toString({ lineWidth: 0 })
}

const isTag = (keys: readonly string[]) => keys.includes('type') && (keys.includes('address') || keys.includes('formula')) && !keys.includes('tags')
const oneLine = (form: object) => !Object.values(form).some((value) => typeof value === 'string' && value.includes('\n'))

const wholeNumber = /^[-+]?\d+$/

/** Tags on one line each, all digits of whole numbers, and quotes around every text that some reader of YAML could take for something else. */
function styled(document: Document) {
  visit(document, {
    Map: (_, map) => {
      const form = map.toJSON() as Record<string, unknown>
      if (map.flow === undefined && isTag(Object.keys(form)) && oneLine(form)) map.flow = true
    },
    Scalar: (key, scalar) => {
      // A JavaScript number would round it.
      if (typeof scalar.value === 'number' && !Number.isSafeInteger(scalar.value) && wholeNumber.test(scalar.source ?? '')) scalar.value = BigInt(scalar.source ?? '')
      if (key === 'key' || typeof scalar.value !== 'string' || scalar.type !== undefined) return
      const plain = /^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/.test(scalar.value) || /^\d+(ms|s|m|h)$/.test(scalar.value)
      const word = /^(y|n|yes|no|on|off|true|false|null|inf|nan)$/i.test(scalar.value)
      // Names in formulas stand in double quotes, which need none of their own in single ones.
      if (!plain || word) scalar.type = scalar.value.includes('\n') ? 'BLOCK_LITERAL' : /^[^'\\\p{Cc}]*"[^'\\\p{Cc}]*$/u.test(scalar.value) ? 'QUOTE_SINGLE' : 'QUOTE_DOUBLE'
    },
  })
}

/** Without what is empty and without what says nothing. */
function pruned(form: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(form).filter(([key, value]) => {
      if (value === undefined || (value === '' && key !== 'name')) return false
      return !((key === 'settings' || key === 'parameters') && typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    }).map(([key, value]) => [key, (key === 'groups' || key === 'tags') && Array.isArray(value) ? value.map((each: unknown) => (typeof each === 'object' && each !== null ? pruned(each) : each)) : value]),
  )
}
