import { expect, test } from 'vitest'

import type { JsonSchema } from '../api/types'
import { cleaned, chosenVariant, durationMs, fieldsOf, intervalProblem, intervalText, problemsOf, split, typedNumber } from './settings'

const schema: JsonSchema = {
  type: 'object',
  required: ['host', 'password'],
  properties: {
    host: { type: 'string', description: 'Where it is.' },
    port: { type: 'integer', minimum: 1, maximum: 65535, default: 502 },
    timeout: { type: 'string', format: 'duration', default: '1s' },
    password: { $ref: '#/$defs/Secret', description: 'Of the user.' },
    key: { anyOf: [{ $ref: '#/$defs/Secret' }, { type: 'null' }] },
    order: { anyOf: [{ $ref: '#/$defs/Order' }, { type: 'null' }] },
    mode: { oneOf: [{ const: 'auto', description: 'By itself.', type: 'string' }, { const: 'never', description: 'Not at all.', type: 'string' }], default: 'auto' },
    login: {
      oneOf: [
        { type: 'string', const: 'anonymous', description: 'Nobody.' },
        { type: 'object', description: 'By name.', required: ['user'], properties: { user: { $ref: '#/$defs/User' } } },
      ],
    },
    tls: { anyOf: [{ $ref: '#/$defs/Tls' }, { type: 'null' }] },
    hosts: { type: 'array', items: { type: 'string' } },
    extra: { type: 'object' },
  },
  $defs: {
    Secret: { type: 'object', required: ['secret'], properties: { secret: { type: 'string' } } },
    Order: { type: 'string', enum: ['ABCD', 'CDAB'] },
    User: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, password: { $ref: '#/$defs/Secret' } } },
    Tls: { type: 'object', properties: { ca: { type: 'string' }, verify: { type: 'boolean', default: true } } },
  },
}
const fields = fieldsOf(schema)

test('every kind of setting gets its kind of field', () => {
  expect(fields.map((field) => [field.name, field.kind])).toEqual([
    ['host', 'text'],
    ['port', 'integer'],
    ['timeout', 'duration'],
    ['password', 'secret'],
    ['key', 'secret'],
    ['order', 'choice'],
    ['mode', 'choice'],
    ['login', 'variant'],
    ['tls', 'object'],
    ['hosts', 'list'],
    ['extra', 'other'],
  ])
  expect(fields[6]).toMatchObject({ standard: 'auto', choices: [{ value: 'auto', description: 'By itself.' }, { value: 'never', description: 'Not at all.' }] })
})

test('what is required and what the example sets is asked first', () => {
  const [first, more] = split(fields, { port: 502 }, {})
  expect(first.map((field) => field.name)).toEqual(['host', 'password', 'port'])
  expect(more).toHaveLength(8)
})

const good = { host: 'plc', password: { secret: 'plc' } }

test.each([
  [good, {}],
  [{}, { host: 'This is needed.', password: 'Choose a stored secret, or set a new one.' }],
  [{ ...good, port: 0 }, { port: 'Enter 1 or more.' }],
  [{ ...good, port: 'x' }, { port: 'Enter a whole number.' }],
  [{ ...good, timeout: '1 second' }, { timeout: 'Write a whole number and its unit: 500ms, 1s, 5m or 1h.' }],
  [{ ...good, login: { user: {} } }, { 'login.name': 'This is needed.' }],
  [{ ...good, login: 'anonymous', tls: { ca: 'x' } }, {}],
  [{ ...good, order: 'XYZ' }, { order: 'Choose one of the list.' }],
])('problems of %j', (values, expected) => {
  expect(Object.fromEntries(problemsOf(fields, values))).toEqual(expected)
})

test('a variant with contents is told from one without', () => {
  const login = fields[7]
  if (login?.kind !== 'variant') throw new Error('no variant')
  expect(chosenVariant(login.variants, 'anonymous')[0]?.name).toBe('anonymous')
  expect(chosenVariant(login.variants, { user: { name: 'a' } })).toMatchObject([{ name: 'user' }, { name: 'a' }])
})

test('what is empty is left out', () => {
  expect(cleaned({ host: 'a', port: undefined, tls: {}, user: { name: '' }, hosts: ['', 'b'], verify: false, gap: 0 })).toEqual({ host: 'a', user: {}, hosts: ['b'], verify: false, gap: 0 })
})

test('numbers and durations as typed', () => {
  expect(typedNumber('502')).toBe(502)
  expect(typedNumber(' ')).toBeUndefined()
  expect(typedNumber('1.')).toBe('1.')
  expect(durationMs('1500ms')).toBe(1500)
  expect(durationMs('5')).toBeUndefined()
  expect(intervalProblem('5ms')).toBe('From 10ms to 24h.')
  expect(intervalProblem('1s')).toBeUndefined()
  expect([250, 1_000, 90_000, 3_600_000].map(intervalText)).toEqual(['250ms', '1s', '90s', '1h'])
})
