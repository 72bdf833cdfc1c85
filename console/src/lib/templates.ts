/** A template's parameters as fields of a form. */
import { parse } from 'yaml'

import type { TemplateParameter } from '../api/types'
import type { Field } from './settings'

/** A parameter as a document declares it. */
interface Declared {
  name?: unknown
  type?: unknown
  description?: unknown
  default?: unknown
  values?: unknown
  range?: unknown
}

/** The document says more than the API's listing: which values are allowed, and from where to where. */
export function parameterFields(parameters: TemplateParameter[], form: Record<string, unknown> | undefined): Field[] {
  const declared: Declared[] = Array.isArray(form?.['parameters']) ? (form['parameters'] as Declared[]) : []
  const all = parameters.length > 0 ? parameters : declared.map(listed)
  return all.map((parameter) => fieldOf(parameter, declared.find((each) => each.name === parameter.name)))
}

export function templateForm(document: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parse(document)
    const form: unknown = Array.isArray(value) ? value[0] : value
    return typeof form === 'object' && form !== null ? (form as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function listed(each: Declared): TemplateParameter {
  return {
    name: String(each.name ?? ''),
    type: String(each.type ?? 'text'),
    default: each.default ?? null,
    description: typeof each.description === 'string' ? each.description : null,
    required: each.default === undefined,
  }
}

function fieldOf(parameter: TemplateParameter, declared: Declared | undefined): Field {
  const common = {
    name: parameter.name,
    description: parameter.description ?? '',
    required: parameter.required,
    standard: parameter.default === null || parameter.default === undefined ? undefined : String(parameter.default),
  }
  const values = declared?.values
  if (Array.isArray(values) && values.length > 0) {
    return { ...common, kind: 'choice', choices: values.map((value: string | number | boolean) => ({ value, description: '' })) }
  }
  const [least, most] = Array.isArray(declared?.range) ? (declared.range as number[]) : []
  switch (parameter.type) {
    case 'integer':
    case 'number':
      return { ...common, kind: parameter.type, least, most }
    case 'boolean':
      return { ...common, kind: 'switch' }
    default:
      return { ...common, kind: 'text', pattern: undefined, longest: undefined, example: undefined }
  }
}
