/** The part of a device's tree that was loaded, and the walk through a whole subtree. */
import type { BrowseNode, TrialBrowse } from '../api/types'

export interface Entry {
  /** unique in the tree, also where a node stands in two places */
  key: string
  node: BrowseNode
  parent: Entry | undefined
  /** 1 for what is at the top */
  level: number
  state: 'closed' | 'loading' | 'open'
  children: Entry[]
  /** where the next page begins */
  more: string | null
  error?: unknown
}

export interface Found {
  node: BrowseNode
  /** names from the top of what was walked */
  path: string[]
}

export interface Walk {
  found: Found[]
  /** nodes looked at */
  seen: number
  problems: string[]
  end: 'complete' | 'bound' | 'stopped'
}

interface WalkOptions {
  most: number
  signal: AbortSignal
  page: (node: string, after: string | null) => Promise<TrialBrowse>
  onProgress: (walk: Walk) => void
}

/** Deeper than any tree that people made; servers with circles in them end here. */
const depthMax = 16
const seenMax = 20_000

const top: BrowseNode = { id: '', name: '', inside: true, address: null, type: null, write: false, description: null, unit: null, value: null }

export class BrowseStore {
  readonly root: Entry = { key: '', node: top, parent: undefined, level: 0, state: 'closed', children: [], more: null }

  add(entry: Entry, nodes: BrowseNode[], more: string | null) {
    const first = entry.children.length
    entry.children.push(
      ...nodes.map((node, index): Entry => ({
        key: `${entry.key}/${first + index}:${node.id}`,
        node,
        parent: entry,
        level: entry.level + 1,
        state: 'closed',
        children: [],
        more: null,
      })),
    )
    entry.more = more
    entry.state = 'open'
    delete entry.error
  }

  failed(entry: Entry, error: unknown) {
    entry.state = entry.children.length > 0 ? 'open' : 'closed'
    entry.error = error
  }

  open(entry: Entry) {
    entry.state = 'open'
  }

  close(entry: Entry) {
    entry.state = 'closed'
  }

  /** What is to be seen from top to bottom; with a search, what matches and what leads there. */
  rows(search: string): Entry[] {
    const wanted = search.trim().toLowerCase()
    const out: Entry[] = []
    const visit = (entry: Entry): boolean => {
      const at = out.length
      const { node } = entry
      const matches = wanted !== '' && `${node.name}\n${node.address ?? ''}\n${node.description ?? ''}`.toLowerCase().includes(wanted)
      if (entry !== this.root) out.push(entry)
      let inside = false
      if (wanted !== '' || entry.state === 'open' || (entry.state === 'loading' && entry.children.length > 0)) {
        for (const child of entry.children) inside = visit(child) || inside
      }
      const kept = wanted === '' || matches || inside
      if (!kept && entry !== this.root) out.length = at
      return kept
    }
    visit(this.root)
    return out
  }

  /** Names from the top of the tree. */
  path(entry: Entry): string[] {
    const names: string[] = []
    for (let at: Entry | undefined = entry; at !== undefined && at !== this.root; at = at.parent) names.unshift(at.node.name)
    return names
  }

  /** Level by level, so that the bound cuts off what lies deepest. A node is entered once. */
  async walk(entry: Entry, { most, signal, page, onProgress }: WalkOptions): Promise<Walk> {
    const walk: Walk = { found: [], seen: 0, problems: [], end: 'complete' }
    const entered = new Set<string>()
    let level: { node: BrowseNode; path: string[] }[] = [{ node: entry.node, path: [entry.node.name] }]
    for (let depth = 0; level.length > 0 && depth < depthMax; depth++) {
      const next: typeof level = []
      for (const { node, path } of level) {
        if (entered.has(node.id)) continue
        entered.add(node.id)
        let after: string | null = null
        do {
          if (signal.aborted) return { ...walk, end: 'stopped' }
          const answer: TrialBrowse | undefined = await page(node.id, after).catch((error: unknown) => {
            if (signal.aborted) return undefined
            throw error
          })
          if (answer === undefined) return { ...walk, end: 'stopped' }
          if (!answer.ok) walk.problems.push(answer.problem?.problem ?? answer.findings[0]?.problem ?? `${node.name} cannot be opened`)
          for (const child of answer.nodes) {
            walk.seen++
            const childPath = [...path, child.name]
            if (child.address !== null) {
              if (walk.found.length >= most) return { ...walk, end: 'bound' }
              walk.found.push({ node: child, path: childPath })
            }
            if (child.inside) next.push({ node: child, path: childPath })
          }
          onProgress(walk)
          if (walk.seen > seenMax) return { ...walk, end: 'bound' }
          after = answer.ok ? answer.more : null
        } while (after !== null)
      }
      level = next
    }
    return walk
  }
}
