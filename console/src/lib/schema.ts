/** A component's settings as rows for people, from their JSON schema. */
import type { JsonSchema } from '../api/types'

export interface SettingRow {
  name: string
  type: string
  required: boolean
  /** the default, as written in YAML */
  standard: string | undefined
  description: string
  choices: string[]
}

export function settingRows(schema: JsonSchema): SettingRow[] {
  return rowsOf(schema, schema, '', 0)
}

/** Settings nest two deep at most; deeper ones are described by their own text. */
const depthMax = 3

function rowsOf(root: JsonSchema, schema: JsonSchema, prefix: string, depth: number): SettingRow[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, raw]) => {
    const property = resolve(root, raw)
    const row: SettingRow = {
      name: prefix + name,
      type: typeName(root, property),
      required: required.has(name),
      standard: standard(raw.default ?? property.default),
      description: raw.description ?? property.description ?? '',
      choices: choices(root, property),
    }
    const inner = property.properties !== undefined && depth < depthMax ? rowsOf(root, property, `${prefix}${name}.`, depth + 1) : []
    return [row, ...inner]
  })
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')]
    return target === undefined ? schema : { ...target, ...schema }
  }
  const options = (schema.anyOf ?? []).filter((option) => option.type !== 'null')
  const only = options[0]
  return options.length === 1 && only !== undefined ? { ...resolve(root, only), ...schema, anyOf: undefined } : schema
}

function typeName(root: JsonSchema, schema: JsonSchema): string {
  if (schema.format === 'duration') return 'duration'
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type) => type !== undefined && type !== 'null')
  const name = types.join(' or ') || (choices(root, schema).length > 0 ? 'choice' : 'any')
  const bounds =
    schema.minimum !== undefined && schema.maximum !== undefined
      ? ` ${schema.minimum} to ${schema.maximum}`
      : schema.minimum !== undefined && schema.minimum !== 0
        ? ` from ${schema.minimum}`
        : ''
  if (name === 'array' && schema.items !== undefined) return `list of ${typeName(root, resolve(root, schema.items))}`
  return (name === 'string' ? 'text' : name === 'object' ? 'settings' : name) + bounds
}

function choices(root: JsonSchema, schema: JsonSchema): string[] {
  const own = schema.enum ?? (schema.const === undefined ? [] : [schema.const])
  const inner = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].flatMap((option) => choices(root, resolve(root, option)))
  return [...new Set([...own.map(String), ...inner])]
}

function standard(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}
