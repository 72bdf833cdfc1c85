/** What could be typed next, as the editor takes it. */
import type { Completion, CompletionSource } from '@codemirror/autocomplete'

import type { SqlFunction, SqlTables } from '../api/history'
import { formulaProposals, typedIn, type NamedTag } from '../lib/formulaComplete'
import { proposalsAt, type Proposal } from '../lib/ruleComplete'

const types: Record<Proposal['kind'], string> = { table: 'class', column: 'property', function: 'function', keyword: 'keyword' }

function option({ label, kind, detail, more, cursor, boost }: Proposal): Completion {
  const made: Completion = { label, type: types[kind], detail, boost }
  if (more !== undefined && more !== '') made.info = more
  if (cursor !== undefined) {
    made.apply = (view, _, from, to) => view.dispatch({ changes: { from, to, insert: label }, selection: { anchor: from + cursor }, userEvent: 'input.complete' })
  }
  return made
}

export function completionOf(tables: SqlTables): CompletionSource {
  return (context) => {
    const found = proposalsAt(context.state.doc.toString(), context.pos, tables, context.explicit)
    return found === undefined ? null : { from: found.from, options: found.proposals.map(option), validFor: /^(?:"[^"]*|\w*)$/ }
  }
}

/** Tags are found as one types: a plant has more of them than an editor holds. */
export function formulaCompletionOf(device: string, find: (typed: string) => Promise<readonly NamedTag[]>, functions: readonly SqlFunction[]): CompletionSource {
  return async (context) => {
    const text = context.state.doc.toString()
    const before = text.slice(0, context.pos)
    const typed = typedIn(before)
    if (typed === '' && !context.explicit && !before.endsWith('.')) return null
    const tags = await find(typed)
    const found = context.aborted ? undefined : formulaProposals(text, context.pos, device, tags, functions, context.explicit)
    return found === undefined ? null : { from: found.from, options: found.proposals.map(option), validFor: /^(?:"[^"]{0,2}|\w{0,2})$/ }
  }
}
