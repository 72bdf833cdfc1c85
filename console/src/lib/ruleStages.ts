/** The stages of several rules at once: how they are in the configuration, and the text in which they are another. */
import type { Rule, RuleStage } from '../api/rules'
import { parse } from 'yaml'

import { withKeyOfItems } from './document'
import { count, plural } from './numbers'
import { troubleOf } from './rules'

/** What a change of stage must know of a rule of the configuration. */
export interface Staged {
  stage: RuleStage
  /** its actions write to devices while it is live */
  writes: boolean
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** By name; without those that have none. */
export function stagesIn(text: string): Map<string, Staged> {
  let plain: unknown
  try {
    plain = parse(text)
  } catch {
    return new Map()
  }
  const rules: unknown = isRecord(plain) ? plain['rules'] : undefined
  return new Map(
    (Array.isArray(rules) ? rules : []).filter(isRecord).flatMap((rule): [string, Staged][] => {
      const { name, stage, actions } = rule
      if (typeof name !== 'string') return []
      const writes = Array.isArray(actions) && actions.some((action) => isRecord(action) && action['write'] !== undefined)
      return [[name, { stage: stage === 'draft' || stage === 'trial' ? stage : 'live', writes }]]
    }),
  )
}

export interface StageChange {
  /** they become another */
  changing: string[]
  /** they are so already */
  same: string[]
  /** they are no longer in the configuration */
  gone: string[]
}

export function stageChange(stages: ReadonlyMap<string, Staged>, names: Iterable<string>, stage: RuleStage): StageChange {
  const change: StageChange = { changing: [], same: [], gone: [] }
  for (const name of names) {
    const now = stages.get(name)?.stage
    change[now === undefined ? 'gone' : now === stage ? 'same' : 'changing'].push(name)
  }
  return change
}

/** Only the stages of these rules differ afterwards. */
export function withStages(text: string, names: Iterable<string>, stage: RuleStage): string {
  const { changing } = stageChange(stagesIn(text), names, stage)
  return changing.length === 0 ? text : withKeyOfItems(text, 'rules', new Set(changing), 'stage', stage)
}

const namedMost = 3

/** For the revision. */
export function stageComment(names: readonly string[], stage: RuleStage): string {
  const listed = names.join(', ')
  return `Stage ${stage}: ${names.length <= namedMost && listed.length <= 150 ? listed : plural(names.length, 'rule')}`
}

export const stageEffects: Record<RuleStage, string> = {
  draft: 'They stop: they are kept, and not run. Their alarms and writes end.',
  trial: 'They run and show their rows; nothing is stored, raised or written.',
  live: 'They run; their rows are stored, and their actions are done.',
}

/** How far the edge is with a stage that was applied. */
export interface StageProgress {
  total: number
  turned: number
  words: string
  failed: { name: string; problem: string; remedy: string }[]
}

export function stageProgress(rules: readonly Rule[], names: ReadonlySet<string>, stage: RuleStage): StageProgress {
  const turned = rules.filter((rule) => names.has(rule.name) && rule.stage === stage)
  const many = (state: Rule['state']) => turned.filter((rule) => rule.state === state).length
  const states = stage === 'draft' ? '' : (['running', 'waiting', 'failed'] as const).flatMap((state) => (many(state) === 0 ? [] : [`${count(many(state))} ${state}`])).join(', ')
  const done = turned.length === names.size
  const words = `${done ? '' : `${count(turned.length)} of `}${plural(names.size, done ? 'rule is' : 'rule', done ? 'rules are' : 'rules')} ${done ? '' : 'so far '}${stage}${stage === 'draft' && done ? ', and stopped' : ''}${states === '' ? '' : `: ${states}`}.`
  const failed = turned.flatMap((rule) => {
    const trouble = rule.state === 'failed' ? troubleOf(rule) : undefined
    return trouble === undefined ? [] : [{ name: rule.name, problem: trouble.problem, remedy: trouble.remedy }]
  })
  return { total: names.size, turned: turned.length, words, failed }
}
