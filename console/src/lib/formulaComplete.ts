/** What could be typed next in a formula: the device's own tags, those of others with their device, functions. */
import type { SqlFunction } from '../api/history'
import { tagInFormula } from './formula'
import { ruleFunctions } from './ruleFunctions'
import { isProse, proposalOf, type Proposal, type Proposals } from './ruleComplete'
import { sqlName } from './sql'

/** What a formula knows of a tag. */
export interface NamedTag {
  device: string
  name: string
  type: string
  unit?: string
  description?: string
}

const keywords = ['AND', 'OR', 'NOT', 'IS NULL', 'IS NOT NULL', 'BETWEEN', 'IN', 'CASE', 'WHEN', 'THEN', 'ELSE', 'END', 'CAST', 'AS', 'TRUE', 'FALSE', 'NULL']

const made = (name: string, signature: string, description: string): SqlFunction => ({ name, signature, description, example: signature })

const plainFunctions: SqlFunction[] = [
  made('coalesce', 'coalesce(x, y)', 'The first that is not NULL. A tag in it may be bad.'),
  made('nullif', 'nullif(x, y)', 'NULL where both are the same.'),
  made('round', 'round(x [, digits])', 'Rounded to so many digits.'),
  made('abs', 'abs(x)', 'Without its sign.'),
  made('greatest', 'greatest(x, y)', 'The largest of them.'),
  made('least', 'least(x, y)', 'The smallest of them.'),
]

/** A formula sees one moment: windows, sums over rows and what remembers are for rules. */
export function formulaFunctions(ofHistory: readonly SqlFunction[]): SqlFunction[] {
  const rows = new Set(ruleFunctions([]).map((each) => each.name))
  const own = new Set(plainFunctions.map((each) => each.name))
  return [...plainFunctions, ...ofHistory.filter((each) => !rows.has(each.name) && !own.has(each.name))]
}

function tagOf(device: string, tag: NamedTag): Proposal {
  const own = tag.device === device
  const detail = [tag.type, tag.unit ?? ''].filter((each) => each !== '').join(', ')
  return { label: tagInFormula(device, tag), kind: own ? 'column' : 'table', detail, more: tag.description, boost: own ? 4 : 1 }
}

/** The name that is being typed, with the quote that opens it. */
export function typedIn(before: string): string {
  const open = (before.match(/"/g)?.length ?? 0) % 2 === 1
  return (open ? /"[^"]*$/ : /\w*$/).exec(before)?.[0] ?? ''
}

/** `asked`: also where no letter was typed yet. */
export function formulaProposals(text: string, at: number, device: string, tags: readonly NamedTag[], functions: readonly SqlFunction[], asked: boolean): Proposals | undefined {
  const before = text.slice(0, at)
  if (isProse(before)) return undefined
  const typed = typedIn(before)
  const from = at - typed.length
  const dotted = /(?:"([^"]+)"|([A-Za-z_]\w*))\.$/.exec(before.slice(0, from))
  if (dotted !== null) {
    const owner = dotted[1] ?? dotted[2]?.toLowerCase()
    const theirs = tags.filter((tag) => tag.device === owner)
    return theirs.length === 0 ? undefined : { from, proposals: theirs.map((tag) => ({ ...tagOf(tag.device, tag), label: sqlName(tag.name) })) }
  }
  if (typed === '' && !asked) return undefined
  return {
    from,
    proposals: [
      ...tags.filter((tag) => tag.device === device).map((tag) => tagOf(device, tag)),
      ...tags.filter((tag) => tag.device !== device).map((tag) => tagOf(device, tag)),
      ...functions.map(proposalOf),
      ...keywords.map((each): Proposal => ({ label: each, kind: 'keyword', detail: '', boost: -1 })),
    ],
  }
}
