import { expect, test } from 'vitest'

import { parameterFields, templateForm } from './templates'

const document = `name: meter
parameters:
  - { name: host, type: text, description: Where it is }
  - { name: unit, type: integer, default: 1, range: [0, 247] }
  - { name: phases, type: integer, values: [1, 3] }
  - { name: slow, type: boolean, default: false }
`

test('parameters become fields, with bounds and choices of the document', () => {
  expect(parameterFields([], templateForm(document))).toMatchObject([
    { name: 'host', kind: 'text', required: true, description: 'Where it is' },
    { name: 'unit', kind: 'integer', required: false, standard: '1', least: 0, most: 247 },
    { name: 'phases', kind: 'choice', choices: [{ value: 1 }, { value: 3 }] },
    { name: 'slow', kind: 'switch', standard: 'false' },
  ])
})

test('a broken document leaves what the API lists', () => {
  const listed = [{ name: 'host', type: 'text', default: null, description: null, required: true }]
  expect(parameterFields(listed, templateForm('a: [')).map((field) => field.name)).toEqual(['host'])
})
