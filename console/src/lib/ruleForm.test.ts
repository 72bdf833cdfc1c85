import { expect, test } from 'vitest'
import { parse } from 'yaml'

import { withoutItem } from './document'
import { emptyRule, ruleIn, ruleProblems, withRule, type RuleForm } from './ruleForm'

const text = `version: 1
devices:
  - name: boiler-1 # steam
    driver: sim
rules:
  # Watches the drum.
  - name: hot
    # Late over radio.
    lateness: 2s
    sql: |
      SELECT temperature > 90 AS hot
      FROM "boiler-1"
    shape: kept
    actions:
      - alarm: { column: hot, priority: high, extra: 1 }
  - name: other
    sql: SELECT a FROM b
`

const rule = (name = 'hot') => ruleIn(text, name) ?? emptyRule
const problems = (form: Partial<RuleForm>, columns: { name: string; data_type: string; unit: string }[] | undefined = undefined) => Object.fromEntries(ruleProblems({ ...emptyRule, name: 'a', sql: 'SELECT 1', ...form }, new Set(['taken']), columns))

test('a rule is read from the configuration', () => {
  expect(rule()).toEqual({ name: 'hot', sql: 'SELECT temperature > 90 AS hot\nFROM "boiler-1"', stage: 'live', lateness: '2s', labels: '', text: '', units: {}, actions: [{ alarm: { column: 'hot', priority: 'high', extra: 1 } }] })
  expect(ruleIn(text, 'nobody')).toBeUndefined()
  expect(ruleIn('rules: [{name: a, sql: [1]}]', 'a')).toBeUndefined()
  expect(ruleIn('rules: [{name: a, sql: b, actions: [{mail: {}}]}]', 'a')).toBeUndefined()
})

test('only what differs is written: comments and unknown keys stay', () => {
  expect(withRule(text, rule())).toBe(text)
  const after = withRule(text, { ...rule(), stage: 'trial', sql: 'SELECT 1 AS one\n  FROM "boiler-1"\n' })
  for (const kept of ['# steam', '# Watches the drum.', '# Late over radio.', 'shape: kept', 'extra: 1', '  - name: other\n    sql: SELECT a FROM b\n']) expect(after).toContain(kept)
  expect(after).toContain('    sql: |\n      SELECT 1 AS one\n        FROM "boiler-1"\n')
  expect(ruleIn(after, 'hot')).toMatchObject({ stage: 'trial', sql: 'SELECT 1 AS one\n  FROM "boiler-1"' })
})

test('what is taken away leaves the document', () => {
  const after = withRule(text, { ...rule(), lateness: '', actions: [] })
  expect(after).not.toContain('lateness')
  expect(parse(after).rules[0]).not.toHaveProperty('actions')
})

test('a new rule comes behind the last, or makes the list', () => {
  const form: RuleForm = { ...emptyRule, name: 'new-one', sql: 'SELECT a AS "b c"\r\nFROM d', labels: 'x, y', units: { b: '°C', e: '' }, actions: [{ alarm: { column: 'b', name: '', latching: false } }, { write: { column: 'c', tag: 'd/e', expires: '' } }] }
  const wanted = { name: 'new-one', sql: 'SELECT a AS "b c"\nFROM d\n', stage: 'trial', labels: ['x', 'y'], units: { b: '°C' }, actions: [{ alarm: { column: 'b' } }, { write: { column: 'c', tag: 'd/e' } }] }
  const after = withRule(text, form)
  expect(after.startsWith(text)).toBe(true)
  expect(parse(after).rules[2]).toEqual(wanted)
  expect(parse(withRule('version: 1\ndevices: []\n', form)).rules).toEqual([wanted])
  expect(parse(withRule('version: 1\nrules: []\n', form)).rules).toEqual([wanted])
  expect(parse(withRule('rules: [{name: a, sql: b}]\n', form)).rules).toHaveLength(2)
})

test('a rule is taken out with the comment above it', () => {
  const after = withoutItem(text, 'rules', 'hot')
  expect(after).not.toContain('Watches the drum')
  expect(parse(after).rules).toEqual([{ name: 'other', sql: 'SELECT a FROM b' }])
  expect(parse(withoutItem(after, 'rules', 'other')).rules).toEqual([])
})

test('what is wrong is said by field', () => {
  expect(problems({})).toEqual({})
  expect(problems({ name: 'taken' })['name']).toMatch(/has this name already/)
  expect(problems({ name: 'new' })['name']).toMatch(/address of this page/)
  expect(problems({ sql: ' \n' })['sql']).toMatch(/SELECT/)
  expect(problems({ sql: 'x'.repeat(65_537) })['sql']).toMatch(/64 KiB/)
  expect(problems({ lateness: '2 seconds' })['lateness']).toMatch(/200ms/)
  expect(problems({ lateness: '61m' })['lateness']).toBe('Choose from 0s to 1h.')
  expect(problems({ labels: 'ok über' })['labels']).toMatch(/über/)
  expect(problems({ labels: Array.from({ length: 17 }, (_, index) => `l${index}`).join(' ') })['labels']).toMatch(/16/)
})

test('actions stand on columns that the query gives', () => {
  const columns = [{ name: 'hot', data_type: 'Boolean', unit: '' }, { name: 'mean', data_type: 'Float64', unit: '' }]
  const alarm = (column: string) => problems({ actions: [{ alarm: { column } }] }, columns)['0.column']
  expect(alarm('hot')).toBeUndefined()
  expect(alarm('mean')).toMatch(/true and false/)
  expect(alarm('gone')).toMatch(/no such column/)
  expect(alarm('')).toBe('Choose a column.')
  expect(problems({ actions: [{ alarm: { column: 'gone' } }] })).toEqual({})
  expect(problems({ actions: [{ write: { column: 'mean', tag: 'boiler', expires: '2h' } }] }, columns)).toEqual({ '0.tag': expect.stringContaining('boiler-1/'), '0.expires': 'Choose from 1s to 1h.' })
})
