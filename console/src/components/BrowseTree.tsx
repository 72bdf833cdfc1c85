/** What a device offers, as a tree that loads as it is opened: look, search, pick single tags or all inside. */
import { useMutation } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'

import { api } from '../api/client'
import type { BrowseNode, TrialRequest, TrialValue } from '../api/types'
import { useTrialRead } from '../hooks/useTrialRead'
import { BrowseStore, type Entry, type Walk } from '../lib/browse'
import { count, plural } from '../lib/numbers'
import { withUnit } from '../lib/tag'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Notice } from '../ui/Notice'
import { Failure } from './Failure'

interface Props {
  request: TrialRequest
  /** addresses that are picked */
  picked: ReadonlySet<string>
  onPick: (nodes: BrowseNode[], paths: string[][]) => void
  onDrop: (addresses: string[]) => void
}

/** Most tags that one press imports; more are told, not taken. */
const importMax = 1_000
/** Most rows whose values are kept fresh. */
const freshMax = 100

export function BrowseTree({ request, picked, onPick, onDrop }: Props) {
  const key = JSON.stringify(request.device)
  const [store, setStore] = useState(() => new BrowseStore())
  const [version, setVersion] = useState(0)
  const [current, setCurrent] = useState('')
  const [search, setSearch] = useState('')
  const [fresh, setFresh] = useState(false)
  const tree = useRef<HTMLDivElement>(null)
  const redraw = () => setVersion((before) => before + 1)
  const load = async (entry: Entry, after: string | null) => {
    entry.state = 'loading'
    redraw()
    try {
      const answer = await api.trialBrowse({ ...request, node: entry.node.id, after })
      if (answer.ok) store.add(entry, answer.nodes, answer.more)
      else store.failed(entry, answer.problem ?? { problem: answer.findings[0]?.problem ?? 'The device cannot be browsed.', remedy: answer.findings[0]?.remedy ?? '' })
    } catch (error) {
      store.failed(entry, error)
    }
    redraw()
  }
  // Other settings are another device: the tree begins anew.
  useEffect(() => {
    const made = new BrowseStore()
    setStore(made)
    setCurrent('')
  }, [key])
  useEffect(() => {
    if (store.root.state === 'closed') void load(store.root, null)
    // Once for each store; the rest is asked for by hand.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [store])

  // The store changes in place; `version` says when.
  const rows = useMemo(() => (version < 0 ? [] : store.rows(search)), [store, version, search])
  const walk = useSubtree(store, request, onPick, redraw)
  const chosen = rows.find((row) => row.key === current) ?? rows[0]
  const values = useFresh(request, rows, fresh)

  const focusRow = (row: Entry | undefined) => {
    if (row === undefined) return
    setCurrent(row.key)
    tree.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(row.key)}"]`)?.focus()
  }
  const toggle = (row: Entry) => {
    if (!row.node.inside) return
    if (row.state === 'open') store.close(row)
    else if (row.children.length > 0) store.open(row)
    else void load(row, null)
    redraw()
  }
  const pick = (row: Entry) => {
    const { address } = row.node
    if (address === null) toggle(row)
    else if (picked.has(address)) onDrop([address])
    else onPick([row.node], [store.path(row)])
  }
  const onKey = (event: React.KeyboardEvent) => {
    const at = chosen === undefined ? -1 : rows.indexOf(chosen)
    const row = rows[at]
    if (row === undefined) return
    const moves: Record<string, () => void> = {
      ArrowDown: () => focusRow(rows[at + 1]),
      ArrowUp: () => focusRow(rows[at - 1]),
      Home: () => focusRow(rows[0]),
      End: () => focusRow(rows.at(-1)),
      ArrowRight: () => (row.state === 'open' ? focusRow(rows[at + 1]) : toggle(row)),
      ArrowLeft: () => (row.state === 'open' ? toggle(row) : focusRow(rows.find((each) => each === row.parent))),
      Enter: () => (row.node.inside ? toggle(row) : pick(row)),
      ' ': () => pick(row),
    }
    const move = moves[event.key]
    if (move === undefined) return
    event.preventDefault()
    move()
  }

  if (store.root.error !== undefined) {
    return (
      <div className="form">
        <BrowseError error={store.root.error} />
        <div>
          <Button onClick={() => void load(store.root, null)}>Browse again</Button>
        </div>
      </div>
    )
  }
  return (
    <div className="browse">
      <div className="browse-tools">
        <div className="search">
          <Icon name="search" />
          <input type="search" className="input" aria-label="Search what is loaded" placeholder="Search what is loaded" value={search} onChange={(event) => setSearch(event.target.value)} />
        </div>
        <label className="checkbox">
          <input type="checkbox" checked={fresh} onChange={(event) => setFresh(event.target.checked)} />
          Keep values fresh
        </label>
      </div>
      {chosen !== undefined && <CurrentNode entry={chosen} path={store.path(chosen)} picked={picked} onPickOne={() => pick(chosen)} onPickAll={() => walk.start(chosen)} busy={walk.busy} />}
      {walk.notice}
      <p className="visually-hidden" role="status">
        {store.root.state === 'loading' ? 'Browsing the device' : search === '' ? '' : `${plural(rows.length, 'node')} found`}
      </p>
      {store.root.state === 'loading' && store.root.children.length === 0 && <p className="muted">Browsing the device…</p>}
      {store.root.state === 'open' && store.root.children.length === 0 && <p>The device shows nothing to browse. Write the addresses of its tags by hand.</p>}
      {search !== '' && rows.length === 0 && <p>Nothing that is loaded matches. Open more of the tree, or clear the search.</p>}
      {/* Keys work on the row that has the focus. */}
      <div role="tree" aria-label="Nodes of the device" aria-multiselectable="true" className="tree" ref={tree} tabIndex={-1} onKeyDown={onKey}>
        {rows.map((row) => (
          <TreeRow
            key={row.key}
            row={row}
            current={row === chosen}
            picked={row.node.address !== null && picked.has(row.node.address)}
            value={row.node.address === null ? undefined : values.get(row.node.address)}
            onFocus={() => setCurrent(row.key)}
            onToggle={() => toggle(row)}
            onPick={() => pick(row)}
          />
        ))}
      </div>
      <More store={store} rows={rows} onMore={(entry) => void load(entry, entry.more)} />
    </div>
  )
}

interface RowProps {
  row: Entry
  current: boolean
  picked: boolean
  value: TrialValue | undefined
  onFocus: () => void
  onToggle: () => void
  onPick: () => void
}

function TreeRow({ row, current, picked, value, onFocus, onToggle, onPick }: RowProps) {
  const { node } = row
  const text = value === undefined ? valueText(node.value) : value.text
  const shown = node.address === null ? '' : withUnit(text ?? (value === undefined ? '' : '–'), node.unit ?? undefined)
  return (
    // The keys of a tree are handled where it stands, one level up.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="treeitem"
      aria-level={row.level}
      aria-expanded={node.inside ? row.state === 'open' : undefined}
      aria-selected={node.address === null ? undefined : picked}
      aria-label={[node.name, shown, node.type, node.write ? 'can be written' : ''].filter((part) => part !== '' && part !== null).join(', ')}
      tabIndex={current ? 0 : -1}
      data-key={row.key}
      className={`tree-row level-${Math.min(row.level, 12)} ${current ? 'current' : ''} ${picked ? 'picked' : ''}`}
      onFocus={onFocus}
      onClick={(event) => {
        event.currentTarget.focus()
        if (node.address === null) onToggle()
        else onPick()
      }}
    >
      {/* The rows themselves carry the meaning; these are targets for the mouse. */}
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events jsx-a11y/no-static-element-interactions */}
      <span
        className="twist"
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation()
          event.currentTarget.parentElement?.focus()
          onToggle()
        }}
      >
        {node.inside ? (row.state === 'loading' ? '…' : row.state === 'open' ? '▾' : '▸') : ''}
      </span>
      <span className={node.address === null ? 'no-box' : 'box'} aria-hidden="true">
        {picked ? '✓' : ''}
      </span>
      <span className="tree-name" aria-hidden="true">
        {node.name}
        {node.description !== null && node.description !== '' && <small>{node.description}</small>}
      </span>
      <span className="tree-type" aria-hidden="true">
        {node.type}
        {node.write && <Icon name="pencil" />}
      </span>
      <span className={`tree-value ${value !== undefined && value.quality.severity !== 'good' ? 'q-bad' : ''}`} aria-hidden="true">
        {shown}
      </span>
      {row.error !== undefined && (
        <span className="tree-error" aria-hidden="true">
          cannot be opened
        </span>
      )}
    </div>
  )
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

interface CurrentProps {
  entry: Entry
  path: string[]
  picked: ReadonlySet<string>
  busy: boolean
  onPickOne: () => void
  onPickAll: () => void
}

function CurrentNode({ entry, path, picked, busy, onPickOne, onPickAll }: CurrentProps) {
  const { node } = entry
  return (
    <div className="browse-current">
      <div>
        <span className="small muted">{path.slice(0, -1).join(' / ') || 'top'}</span>
        <strong>{node.name}</strong>
        {node.address !== null && <code className="small">{node.address}</code>}
        {entry.error !== undefined && <BrowseError error={entry.error} />}
      </div>
      <div className="buttons">
        {node.address !== null && (
          <Button icon={picked.has(node.address) ? 'close' : 'plus'} onClick={onPickOne}>
            {picked.has(node.address) ? 'Leave out' : 'Pick'}
            <span className="visually-hidden"> {node.name}</span>
          </Button>
        )}
        {node.inside && (
          <Button icon="plus" busy={busy} onClick={onPickAll}>
            Pick all inside {node.name}
          </Button>
        )}
      </div>
    </div>
  )
}

function BrowseError({ error }: { error: unknown }) {
  if (typeof error === 'object' && error !== null && 'problem' in error && 'remedy' in error) {
    return (
      <Notice tone="bad" title={String(error.problem)}>
        <span>{String(error.remedy)}</span>
      </Notice>
    )
  }
  return <Failure error={error} />
}

function More({ store, rows, onMore }: { store: BrowseStore; rows: Entry[]; onMore: (entry: Entry) => void }) {
  const open = [store.root, ...rows].filter((entry) => entry.state === 'open' && entry.more !== null)
  return (
    <div className="buttons">
      {open.map((entry) => (
        <Button key={entry.key} onClick={() => onMore(entry)}>
          Load more of {entry === store.root ? 'the top' : entry.node.name} ({count(entry.children.length)} shown)
        </Button>
      ))}
    </div>
  )
}

/** Walks a subtree page by page, and picks what has an address. */
function useSubtree(store: BrowseStore, request: TrialRequest, onPick: Props['onPick'], redraw: () => void) {
  const [progress, setProgress] = useState<Walk | undefined>()
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])
  const run = useMutation({
    mutationFn: async (entry: Entry) => {
      const control = new AbortController()
      abort.current = control
      const walk = await store.walk(entry, {
        most: importMax,
        signal: control.signal,
        page: (node, after) => api.trialBrowse({ ...request, node, after }, control.signal),
        onProgress: (now) => {
          setProgress({ ...now })
          redraw()
        },
      })
      onPick(walk.found.map((each) => each.node), walk.found.map((each) => each.path))
      return { walk, name: entry.node.name }
    },
  })
  const done = run.data
  const notice = run.isPending ? (
    <Notice tone="info" title={`Looking inside: ${plural(progress?.found.length ?? 0, 'tag')} in ${plural(progress?.seen ?? 0, 'node')} so far`}>
      <div>
        <Button onClick={() => abort.current?.abort()}>Stop here</Button>
      </div>
    </Notice>
  ) : run.error !== null ? (
    <Failure error={run.error} />
  ) : done === undefined ? null : (
    <Notice tone={done.walk.end === 'complete' ? 'good' : 'warn'} title={`${plural(done.walk.found.length, 'tag')} found inside ${done.name}`}>
      <span>
        {done.walk.end === 'bound' && `More than ${count(importMax)} are not taken at once: pick smaller parts, one after the other. `}
        {done.walk.end === 'stopped' && 'It was stopped before all was seen. '}
        {done.walk.problems.length > 0 && `${plural(done.walk.problems.length, 'node')} could not be opened: ${done.walk.problems[0] ?? ''}`}
      </span>
    </Notice>
  )
  return { start: (entry: Entry) => run.mutate(entry), busy: run.isPending, notice: <div role="status">{notice}</div> }
}

/** Values of the rows in view, read again every few seconds, by address. */
function useFresh(request: TrialRequest, rows: Entry[], on: boolean): Map<string, TrialValue> {
  const shown = rows.filter((row) => row.node.address !== null && row.node.type !== null).slice(0, freshMax)
  const tags = shown.map((row, index) => ({ name: `n${index}`, address: row.node.address, type: row.node.type }))
  const device = { ...(request.device as object), groups: [{ name: 'browse', interval: '1s', tags }] }
  const read = useTrialRead({ ...request, device }, 'browse', on && tags.length > 0 ? 5_000 : undefined)
  return useMemo(() => new Map(on ? [...read.values.values()].map((value) => [value.address, value]) : []), [on, read.values])
}
