/** Finds tags of all devices by a part of their name, and adds one at a time: a combobox. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'

import { api } from '../api/client'
import { devicesQuery } from '../api/queries'
import { useSettled } from '../hooks/useSettled'
import { plural } from '../lib/numbers'
import { keyOf, type TagName } from '../lib/trend'
import { Icon } from '../ui/Icon'
import { Failure } from './Failure'

const shownMost = 30

interface Props {
  taken: TagName[]
  /** why no more can be added */
  whyNot: string | undefined
  onAdd: (tag: TagName) => void
}

/** `boiler-1 pressure` and `boiler-1/pressure` look inside one device. */
function within(typed: string, devices: string[]): { device: string; filter: string } | undefined {
  const device = devices.filter((name) => typed.toLowerCase().startsWith(name.toLowerCase())).toSorted((a, b) => b.length - a.length)[0]
  return device === undefined ? undefined : { device, filter: typed.slice(device.length).replace(/^[\s/]+/, '').trim() }
}

export function TagPicker({ taken, whyNot, onAdd }: Props) {
  const id = useId()
  const [typed, setTyped] = useState('')
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(0)
  const entered = useRef(false)
  const wanted = useSettled(typed.trim(), 200)
  const devices = useQuery(devicesQuery).data?.items.map((device) => device.name) ?? []
  const inside = within(wanted, devices)
  const found = useQuery({
    queryKey: ['find-tags', inside?.device ?? '', inside?.filter ?? wanted],
    queryFn: ({ signal }) =>
      inside === undefined ? api.allTags({ filter: wanted || undefined, limit: shownMost }, signal) : api.tags(inside.device, { filter: inside.filter || undefined, limit: shownMost }, signal),
    enabled: open && whyNot === undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  })
  const keys = new Set(taken.map(keyOf))
  const rows = found.data?.items ?? []
  const chosen = Math.min(active, rows.length - 1)
  const add = (index: number) => {
    const tag = rows[index]
    if (tag === undefined || whyNot !== undefined || keys.has(keyOf({ device: tag.device, tag: tag.name }))) return
    onAdd({ device: tag.device, tag: tag.name })
  }
  // Whoever types and presses Enter means what will be found, not what still stands there.
  const fresh = wanted === typed.trim() && found.data !== undefined && !found.isPlaceholderData
  useEffect(() => {
    if (!entered.current || !fresh) return
    entered.current = false
    add(chosen)
  })
  const key = (event: KeyboardEvent) => {
    const moves: Record<string, () => unknown> = {
      ArrowDown: () => (open ? setActive(Math.min(rows.length - 1, chosen + 1)) : setOpen(true)),
      ArrowUp: () => setActive(Math.max(0, chosen - 1)),
      Enter: () => (fresh ? add(chosen) : (entered.current = true)),
      Escape: () => setOpen(false),
    }
    const run = moves[event.key]
    if (run === undefined || (event.key === 'Escape' && !open)) return
    event.preventDefault()
    run()
  }
  return (
    <div
      className="tag-picker"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false)
      }}
    >
      <div className="search">
        <Icon name="search" />
        <input
          type="text"
          className="input"
          role="combobox"
          aria-label="Add a tag: search by name, device, address or description"
          aria-expanded={open}
          aria-controls={`${id}-list`}
          aria-activedescendant={open && rows[chosen] !== undefined ? `${id}-${chosen}` : undefined}
          aria-autocomplete="list"
          aria-describedby={whyNot === undefined ? undefined : `${id}-why`}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          placeholder="Add a tag: name, device or rule"
          value={typed}
          onFocus={() => setOpen(true)}
          onClick={() => setOpen(true)}
          onChange={(event) => {
            setTyped(event.target.value)
            setActive(0)
            entered.current = false
            setOpen(true)
          }}
          onKeyDown={key}
        />
      </div>
      {whyNot !== undefined && (
        <span className="why" id={`${id}-why`}>
          {whyNot}
        </span>
      )}
      {open && whyNot === undefined && (
        <div className="picker-list">
          {found.error !== null && <Failure error={found.error} />}
          <div className="picker-rows" role="listbox" id={`${id}-list`} aria-label="Tags found">
            {rows.map((tag, index) => {
              const has = keys.has(keyOf({ device: tag.device, tag: tag.name }))
              return (
                // The keys are those of the field, which keeps the focus.
                // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={`${tag.device}/${tag.name}`}
                  id={`${id}-${index}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === chosen}
                  aria-disabled={has || undefined}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={() => add(index)}
                  onPointerMove={() => setActive(index)}
                >
                  <span className="picker-name">
                    {has && <Icon name="check" />}
                    <strong>{tag.name}</strong> <span className="muted">{tag.device}</span>
                  </span>
                  <span className="small muted">
                    {has ? 'is shown already' : [tag.unit, tag.description].filter((each) => each !== undefined && each !== '').join(', ')}
                  </span>
                </div>
              )
            })}
          </div>
          <p className="small muted picker-note" role="status">
            {found.data === undefined
              ? 'Asking the edge…'
              : rows.length === 0
                ? wanted === ''
                  ? 'There are no tags yet. Add a device first.'
                  : 'No tag matches. A part of its name, address or description is enough; begin with a device to look inside it.'
                : found.data.total > rows.length
                  ? `The first ${rows.length} of ${plural(found.data.total, 'tag')}. Type more to narrow it down.`
                  : plural(found.data.total, 'tag')}
          </p>
        </div>
      )}
    </div>
  )
}
