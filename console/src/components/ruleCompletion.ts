/** What could be typed next, as the editor takes it. */
import type { Completion, CompletionSource } from '@codemirror/autocomplete'

import type { SqlTables } from '../api/history'
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
