import { expect, test } from 'vitest'

import type { Rule, RuleStage, RuleState } from '../api/rules'
import { stageChange, stageComment, stageProgress, stagesIn, withStages } from './ruleStages'

const text = `version: 1
rules:
  # The first.
  - name: a # is watched
    sql: SELECT 1
  - name: b
    stage: trial # until May
    sql: |
      SELECT 2
    unknown: kept
  - { name: c, sql: "SELECT 3", stage: draft }
  - {name: d, sql: SELECT 4}
  -
    name: e
    stage:
    actions: [{ write: { column: x, tag: y/z } }]
  - sql: SELECT 6
    name: f`

const stages = (of: string) => Object.fromEntries([...stagesIn(of)].map(([name, { stage }]) => [name, stage]))

test('the stages are read, live where none is said', () => {
  expect(stages(text)).toEqual({ a: 'live', b: 'trial', c: 'draft', d: 'live', e: 'live', f: 'live' })
  expect(stagesIn(text).get('e')?.writes).toBe(true)
  expect(stagesIn(text).get('a')?.writes).toBe(false)
  expect(stagesIn('').size).toBe(0)
  expect(stagesIn('rules: 5').size).toBe(0)
  expect(stagesIn('rules: [').size).toBe(0)
})

test('only the stages of the chosen rules differ, in whatever form they are written', () => {
  const after = withStages(text, ['a', 'b', 'c', 'd', 'e', 'f'], 'draft')
  expect(stages(after)).toEqual({ a: 'draft', b: 'draft', c: 'draft', d: 'draft', e: 'draft', f: 'draft' })
  expect(after).toContain('  - name: a # is watched\n    stage: draft\n    sql: SELECT 1\n')
  expect(after).toContain('stage: draft # until May\n')
  expect(after).toContain('- {name: d, stage: draft, sql: SELECT 4}')
  expect(after.endsWith('    name: f\n    stage: draft\n')).toBe(true)
  const other = withStages(text, ['b'], 'live')
  expect(other).toBe(text.replace('stage: trial', 'stage: live'))
  expect(withStages(text, ['a', 'c'], 'live')).toBe(text.replace('stage: draft', 'stage: live'))
})

test('what is so already stays as it is written', () => {
  expect(withStages(text, ['a', 'gone'], 'live')).toBe(text)
  expect(withStages('', ['a'], 'draft')).toBe('')
  expect(withStages('rules: 5\n', ['a'], 'draft')).toBe('rules: 5\n')
})

test('thousands of rules are changed at once', () => {
  const many = `rules:\n${Array.from({ length: 2_000 }, (_, index) => `  - name: r${index}\n    sql: SELECT ${index}\n`).join('')}`
  const after = withStages(many, Array.from({ length: 2_000 }, (_, index) => `r${index}`), 'trial')
  expect(after.match(/^ {4}stage: trial$/gm)).toHaveLength(2_000)
})

test('what would change is told from what would not', () => {
  expect(stageChange(stagesIn(text), ['a', 'b', 'c', 'z'], 'draft')).toEqual({ changing: ['a', 'b'], same: ['c'], gone: ['z'] })
  expect(stageComment(['a', 'b'], 'trial')).toBe('Stage trial: a, b')
  expect(stageComment(['a', 'b', 'c', 'd'], 'live')).toBe('Stage live: 4 rules')
  expect(stageComment(['x'.repeat(128), 'y'.repeat(128)], 'live')).toBe('Stage live: 2 rules')
})

const rule = (name: string, stage: RuleStage, state: RuleState, reason?: string): Rule => ({ name, stage, state, reason, labels: [], tables: [], columns: [], rows_in: 0, rows_out: 0, rows_late: 0, errors: 0, busy_seconds: 0, memory_bytes: 0, behind_samples: 0 })

test('how far the edge is, is said in words', () => {
  const rules = [rule('a', 'live', 'running'), rule('b', 'live', 'failed', 'no column `x`'), rule('c', 'trial', 'running'), rule('z', 'live', 'running')]
  const names = new Set(['a', 'b', 'c'])
  expect(stageProgress(rules, names, 'live')).toMatchObject({ total: 3, turned: 2, words: '2 of 3 rules so far live: 1 running, 1 failed.', failed: [{ name: 'b', problem: 'no column `x`', remedy: expect.stringContaining('mend') }] })
  expect(stageProgress(rules, new Set(['a', 'b']), 'live').words).toBe('2 rules are live: 1 running, 1 failed.')
  expect(stageProgress([rule('a', 'draft', 'stopped')], new Set(['a']), 'draft').words).toBe('1 rule is draft, and stopped.')
  expect(stageProgress([], new Set(['a']), 'draft').words).toBe('0 of 1 rule so far draft.')
})
