import { expect, test } from 'vitest'

import { settingRows } from './schema'

test('settings as rows: defaults, choices behind references, nested settings', () => {
  const rows = settingRows({
    type: 'object',
    required: ['host'],
    properties: {
      host: { type: 'string', description: 'Where it is.' },
      port: { type: 'integer', minimum: 1, maximum: 65535, default: 502 },
      order: { anyOf: [{ $ref: '#/$defs/Order' }, { type: 'null' }] },
      tls: { $ref: '#/$defs/Tls', default: null },
    },
    $defs: {
      Order: { oneOf: [{ const: 'abcd' }, { const: 'cdab' }] },
      Tls: { type: ['object', 'null'], properties: { ca: { type: 'string' } } },
    },
  })
  expect(rows.map((row) => [row.name, row.type, row.required, row.standard])).toEqual([
    ['host', 'text', true, undefined],
    ['port', 'integer 1 to 65535', false, '502'],
    ['order', 'choice', false, undefined],
    ['tls', 'settings', false, undefined],
    ['tls.ca', 'text', false, undefined],
  ])
  expect(rows[2]?.choices).toEqual(['abcd', 'cdab'])
})
