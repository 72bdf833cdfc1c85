import { expect, test } from 'vitest'

import type { BrowseNode, TrialBrowse } from '../api/types'
import { BrowseStore } from './browse'

const node = (id: string, inside: boolean, address: string | null): BrowseNode => ({ id, name: id, inside, address, type: 'bool', write: false, description: null, unit: null, value: null })
const answer = (nodes: BrowseNode[], more: string | null = null): TrialBrowse => ({ ok: true, problem: null, findings: [], nodes, more, frames: [] })

/** A circle, two pages, and something that cannot be opened. */
const pages: Record<string, TrialBrowse> = {
  'a/': answer([node('b', true, null), node('x', false, 'X')], '1'),
  'a/1': answer([node('y', false, 'Y'), node('broken', true, null)]),
  'b/': answer([node('a', true, null), node('z', false, 'Z')]),
  'broken/': { ...answer([]), ok: false, problem: { problem: 'access denied', remedy: '' } },
}

async function walked(most: number, stop?: string) {
  const store = new BrowseStore()
  store.add(store.root, [node('a', true, null)], null)
  const control = new AbortController()
  const [entry] = store.root.children
  if (entry === undefined) throw new Error('no entry')
  return store.walk(entry, {
    most,
    signal: control.signal,
    page: async (id, after) => {
      if (`${id}/${after ?? ''}` === stop) control.abort()
      control.signal.throwIfAborted()
      return pages[`${id}/${after ?? ''}`] ?? answer([])
    },
    onProgress: () => {},
  })
}

test('a subtree is walked through pages and circles to its end', async () => {
  const walk = await walked(100)
  expect(walk.found.map((found) => found.path.join('/'))).toEqual(['a/x', 'a/y', 'a/b/z'])
  expect(walk).toMatchObject({ end: 'complete', problems: ['access denied'] })
})

test('the bound is kept, and told', async () => {
  const walk = await walked(2)
  expect(walk.found).toHaveLength(2)
  expect(walk.end).toBe('bound')
})

test('a walk can be stopped, and keeps what it has', async () => {
  const walk = await walked(100, 'b/')
  expect(walk.end).toBe('stopped')
  expect(walk.found.map((found) => found.node.id)).toEqual(['x', 'y'])
})

test('a search shows what matches and what leads there, though it is closed', () => {
  const store = new BrowseStore()
  store.add(store.root, [node('pumps', true, null), node('other', true, null)], null)
  const [pumps] = store.root.children
  if (pumps === undefined) throw new Error('no entry')
  store.add(pumps, [node('speed', false, 'S'), node('flow', false, 'F')], null)
  store.close(pumps)
  expect(store.rows('').map((row) => row.node.name)).toEqual(['pumps', 'other'])
  expect(store.rows('SPE').map((row) => row.node.name)).toEqual(['pumps', 'speed'])
  expect(store.rows('nothing')).toEqual([])
})
