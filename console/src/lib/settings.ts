/** A form for any component's settings, out of its JSON schema: which fields, what they start with, what is wrong. */
import type { JsonSchema } from '../api/types'

export type Settings = Record<string, unknown>

export interface Choice {
  value: string | number | boolean
  description: string
}

export interface Variant {
  name: string
  description: string
  /** what the variant needs, or nothing when its name is all */
  field: Field | undefined
}

interface Common {
  name: string
  description: string
  required: boolean
  /** what holds when it is left out, as written in YAML */
  standard: string | undefined
}

export type Field = Common &
  (
    | { kind: 'text'; pattern: string | undefined; longest: number | undefined; example: string | undefined }
    | { kind: 'integer' | 'number'; least: number | undefined; most: number | undefined }
    | { kind: 'switch' }
    | { kind: 'duration' }
    | { kind: 'secret' }
    /** text, or a secret that holds it */
    | { kind: 'words' }
    | { kind: 'choice'; choices: Choice[] }
    | { kind: 'variant'; variants: Variant[] }
    | { kind: 'object'; fields: Field[] }
    | { kind: 'list'; item: Field }
    | { kind: 'other' }
  )

const depthMax = 6

export function fieldsOf(schema: JsonSchema): Field[] {
  return inner(schema, resolved(schema, schema), 0)
}

function inner(root: JsonSchema, schema: JsonSchema, depth: number): Field[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).map(([name, raw]) => fieldOf(root, name, raw, required.has(name), depth))
}

function fieldOf(root: JsonSchema, name: string, raw: JsonSchema, required: boolean, depth: number): Field {
  const schema = resolved(root, raw)
  const common: Common = {
    name,
    description: raw.description ?? schema.description ?? '',
    required,
    standard: standardOf(raw.default ?? schema.default),
  }
  if (depth > depthMax) return { ...common, kind: 'other' }
  if (isSecret(schema)) return { ...common, kind: 'secret' }
  if (isWords(root, schema)) return { ...common, kind: 'words' }
  const variants = variantsOf(root, schema, depth)
  if (variants !== undefined) {
    const choices = variants.filter((variant) => variant.field === undefined)
    if (choices.length < variants.length) return { ...common, kind: 'variant', variants }
    return { ...common, kind: 'choice', choices: choicesOf(root, schema) }
  }
  const choices = choicesOf(root, schema)
  if (choices.length > 0) return { ...common, kind: 'choice', choices }
  if (schema.format === 'duration') return { ...common, kind: 'duration' }
  switch (typeOf(schema)) {
    case 'boolean':
      return { ...common, kind: 'switch' }
    case 'integer':
    case 'number':
      return { ...common, kind: typeOf(schema) === 'integer' ? 'integer' : 'number', least: schema.minimum, most: schema.maximum }
    case 'string':
      return { ...common, kind: 'text', pattern: schema.pattern, longest: schema.maxLength, example: schema.examples?.map(String)[0] }
    case 'array':
      return schema.items === undefined ? { ...common, kind: 'other' } : { ...common, kind: 'list', item: fieldOf(root, name, schema.items, true, depth + 1) }
    case 'object':
      return schema.properties === undefined ? { ...common, kind: 'other' } : { ...common, kind: 'object', fields: inner(root, schema, depth + 1) }
    default:
      return { ...common, kind: 'other' }
  }
}

function resolved(root: JsonSchema, schema: JsonSchema): JsonSchema {
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')]
    if (target === undefined) return schema
    const { $ref: _, ...own } = schema
    return resolved(root, { ...target, ...own })
  }
  const options = (schema.anyOf ?? []).filter((option) => option.type !== 'null')
  const only = options[0]
  if (options.length !== 1 || only === undefined) return schema
  const { anyOf: _, ...own } = schema
  return { ...resolved(root, only), ...own }
}

function typeOf(schema: JsonSchema): string | undefined {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  return types.find((type) => type !== undefined && type !== 'null')
}

/** A settings field of type `Secret` is `{secret: NAME}` in the document. */
export function isSecret(schema: JsonSchema): boolean {
  const names = Object.keys(schema.properties ?? {})
  return names.length === 1 && names[0] === 'secret'
}

function isWords(root: JsonSchema, schema: JsonSchema): boolean {
  const options = (schema.anyOf ?? []).filter((option) => option.type !== 'null').map((option) => resolved(root, option))
  return options.length === 2 && options.some(isSecret) && options.some((option) => typeOf(option) === 'string' && option.enum === undefined && option.const === undefined)
}

function choicesOf(root: JsonSchema, schema: JsonSchema): Choice[] {
  const own = schema.enum ?? (schema.const === undefined ? [] : [schema.const])
  const choices = own.flatMap((value): Choice[] => (isPlain(value) ? [{ value, description: schema.const === undefined ? '' : (schema.description ?? '') }] : []))
  const more = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].filter((option) => option.type !== 'null').flatMap((option) => choicesOf(root, resolved(root, option)))
  return [...choices, ...more]
}

const isPlain = (value: unknown): value is Choice['value'] => ['string', 'number', 'boolean'].includes(typeof value)

/** `anonymous`, `{password: {…}}`: an enum whose variants may have contents of their own. */
function variantsOf(root: JsonSchema, schema: JsonSchema, depth: number): Variant[] | undefined {
  const options = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].filter((option) => option.type !== 'null').map((option) => resolved(root, option))
  if (options.length < 2) return undefined
  const variants: Variant[] = []
  for (const option of options) {
    const names = Object.keys(option.properties ?? {})
    const name = names[0]
    const plain = choicesOf(root, { ...option, oneOf: undefined, anyOf: undefined })
    if (plain.length > 0) variants.push(...plain.map((choice) => ({ name: String(choice.value), description: choice.description || (option.description ?? ''), field: undefined })))
    else if (names.length === 1 && name !== undefined) {
      variants.push({ name, description: option.description ?? '', field: fieldOf(root, name, option.properties?.[name] ?? {}, true, depth + 1) })
    } else return undefined
  }
  return variants
}

function standardOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What is asked first: what is required, and what the component's own example sets. The rest has defaults. */
export function split(fields: Field[], example: Settings, present: Settings): [Field[], Field[]] {
  const first = fields.filter((field) => field.required || field.name in example || field.name in present)
  return [first.toSorted((a, b) => Number(b.required) - Number(a.required)), fields.filter((field) => !first.includes(field))]
}

/** What is wrong with a value, by its path (`tls.ca`, `hosts.1`), in the words of the form. */
export function problemsOf(fields: Field[], values: Settings, prefix = ''): Map<string, string> {
  const problems = new Map<string, string>()
  for (const field of fields) for (const [path, problem] of problemsIn(field, values[field.name], prefix + field.name)) problems.set(path, problem)
  return problems
}

function problemsIn(field: Field, value: unknown, path: string): Map<string, string> {
  const one = (problem: string | undefined) => new Map(problem === undefined ? [] : [[path, problem]])
  if (value === undefined || value === null || value === '') return one(field.required ? missing(field) : undefined)
  switch (field.kind) {
    case 'integer':
    case 'number':
      return one(numberProblem(field, value))
    case 'duration':
      return one(durationMs(String(value)) === undefined ? 'Write a whole number and its unit: 500ms, 1s, 5m or 1h.' : undefined)
    case 'text':
      if (typeof value !== 'string') return one('Enter a text.')
      if (field.longest !== undefined && value.length > field.longest) return one(`At most ${field.longest} characters.`)
      return one(field.pattern !== undefined && !matches(field.pattern, value) ? `It must fit the pattern ${field.pattern}.` : undefined)
    case 'secret':
      return one(secretName(value) === '' ? 'Choose a stored secret, or set a new one.' : undefined)
    case 'words':
      return one(typeof value === 'string' ? undefined : secretName(value) === '' ? 'Choose a stored secret, or set a new one.' : undefined)
    case 'choice':
      return one(field.choices.some((choice) => choice.value === value) ? undefined : 'Choose one of the list.')
    case 'object':
      return typeof value === 'object' ? problemsOf(field.fields, value as Settings, `${path}.`) : one('Give its settings.')
    case 'variant': {
      const [variant, content] = chosenVariant(field.variants, value)
      if (variant === undefined) return one('Choose one of the list.')
      return variant.field === undefined ? one(undefined) : problemsIn({ ...variant.field, required: true }, content ?? (variant.field.kind === 'object' ? {} : undefined), path)
    }
    case 'list':
      if (!Array.isArray(value)) return one('Give a list.')
      return new Map(value.flatMap((item, index) => [...problemsIn(field.item, item, `${path}.${index}`)]))
    default:
      return one(undefined)
  }
}

function missing(field: Field): string {
  if (field.kind === 'choice' || field.kind === 'variant') return 'Choose one.'
  return field.kind === 'secret' ? 'Choose a stored secret, or set a new one.' : 'This is needed.'
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value)
  } catch {
    return true
  }
}

function numberProblem(field: Field & { kind: 'integer' | 'number' }, value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return field.kind === 'integer' ? 'Enter a whole number.' : 'Enter a number.'
  if (field.kind === 'integer' && !Number.isInteger(value)) return 'Enter a whole number.'
  if (field.least !== undefined && value < field.least) return `Enter ${field.least} or more.`
  return field.most !== undefined && value > field.most ? `Enter ${field.most} or less.` : undefined
}

export function secretName(value: unknown): string {
  return typeof value === 'object' && value !== null && 'secret' in value && typeof value.secret === 'string' ? value.secret : ''
}

export function chosenVariant(variants: Variant[], value: unknown): [Variant | undefined, unknown] {
  if (typeof value === 'object' && value !== null) {
    const [name, content] = Object.entries(value)[0] ?? []
    return [variants.find((variant) => variant.name === name && variant.field !== undefined), content]
  }
  return [variants.find((variant) => variant.name === String(value) && variant.field === undefined), undefined]
}

/** What was typed in a number's field: the number, or the text until it is one. */
export function typedNumber(text: string): number | string | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  const value = Number(trimmed)
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) && !trimmed.endsWith('.') ? value : text
}

/** Without what was left empty, so that the defaults hold. */
export function cleaned(values: Settings): Settings {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const clean = cleanedValue(value)
      return clean === undefined ? [] : [[name, clean]]
    }),
  )
}

function cleanedValue(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined
  if (Array.isArray(value)) {
    const items = value.map(cleanedValue).filter((item) => item !== undefined)
    return items.length === 0 ? undefined : items
  }
  if (typeof value === 'object') {
    const inside = cleaned(value as Settings)
    // `{certificate: {}}` says more than nothing, but only as the choice of a variant.
    return Object.keys(inside).length === 0 && Object.keys(value).length === 0 ? undefined : inside
  }
  return value
}

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of `500ms`, `1s`, `5m`, `1h`. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)\s*(ms|s|m|h)$/.exec(text.trim()) ?? []
  return digits === undefined ? undefined : Number(digits) * (units[unit ?? ''] ?? 1)
}

/** The edge's bounds of a group's interval. */
export function intervalProblem(text: string): string | undefined {
  const ms = durationMs(text)
  if (ms === undefined) return 'Write a whole number and its unit: 500ms, 1s, 5m or 1h.'
  return ms < 10 || ms > 86_400_000 ? 'From 10ms to 24h.' : undefined
}

export function intervalText(ms: number): string {
  for (const [unit, size] of [['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const) if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  return `${ms}ms`
}
