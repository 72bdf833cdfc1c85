/** A block of Modbus registers under every type and byte order, so that the right one is seen at a glance. */
import { useState } from 'react'

import type { TrialRequest } from '../api/types'
import { useTrialRead } from '../hooks/useTrialRead'
import type { NewPick } from '../lib/commission'
import {
  addressOf,
  bitsOf,
  bytesOf,
  charactersOf,
  factorFor,
  hexOf,
  likelyOrders,
  narrow,
  orders32,
  orders64,
  textLength,
  wide,
  widthOf,
  wideTypes,
  type Order,
  type Reading,
  type WideType,
} from '../lib/registers'
import { plural } from '../lib/numbers'
import { clock } from '../lib/time'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Notice } from '../ui/Notice'
import { Failure } from './Failure'
import { TrialOutcome } from './TrialOutcome'

interface Props {
  request: TrialRequest
  /** the device's own order, which addresses need not repeat */
  byteOrder: string
  /** addresses and types that are picked, as `address type` */
  picked: ReadonlySet<string>
  onPick: (pick: NewPick) => void
}

const views = ['32 bit', '64 bit', 'Bits and text', 'Everything'] as const
type View = (typeof views)[number]

/** A request holds at most 125 registers, and 250 bytes are the longest that an address takes. */
const countMax = 125

export function RegisterViewer({ request, byteOrder, picked, onPick }: Props) {
  const [area, setArea] = useState('holding')
  const [start, setStart] = useState('0')
  const [length, setLength] = useState('40')
  const [view, setView] = useState<View>('32 bit')
  const [seen, setSeen] = useState('')
  const [live, setLive] = useState(false)
  const first = Number(start)
  const registers = Number(length)
  const startProblem = /^\d+$/.test(start) && first <= 65_535 ? undefined : 'Enter a whole number from 0 to 65535.'
  const lengthProblem = /^\d+$/.test(length) && registers >= 1 && registers <= countMax ? undefined : `Enter 1 to ${countMax}.`
  const wrong = startProblem !== undefined || lengthProblem !== undefined
  const address = `${area}:${start}/${2 * registers}`
  const device = { ...(request.device as object), groups: [{ name: 'registers', interval: '1s', tags: [{ name: 'block', address, type: 'bytes' }] }] }
  const read = useTrialRead({ ...request, device }, 'registers', live && !wrong ? 2_000 : undefined)
  const value = read.values.get('registers/block')
  // The answer says what it is about: while other registers are asked for, the old ones keep their numbers.
  const [, shownArea = area, shownStart = start] = /^(\w+):(\d+)\//.exec(value?.address ?? '') ?? []
  const block = bytesOf(value?.text ?? (typeof value?.value === 'string' ? value.value : ''))
  return (
    <div className="register-viewer">
      <form
        className="register-ask"
        onSubmit={(event) => {
          event.preventDefault()
          if (!wrong) read.readNow()
        }}
      >
        <SelectField label="Area" value={area} onChange={(event) => setArea(event.target.value)}>
          <option value="holding">Holding registers</option>
          <option value="input">Input registers</option>
        </SelectField>
        <TextField label="First register" inputMode="numeric" autoComplete="off" value={start} onChange={(event) => setStart(event.target.value)} problem={startProblem} />
        <TextField label="How many" inputMode="numeric" autoComplete="off" value={length} onChange={(event) => setLength(event.target.value)} problem={lengthProblem} />
        <div className="buttons">
          <Button type="submit" kind="primary" busy={read.busy && !live} whyNot={wrong ? 'Mend the fields first.' : undefined}>
            Read registers
          </Button>
          <Button onClick={() => setStart(String(Math.max(0, first - registers)))} icon="left" whyNot={wrong || first === 0 ? 'These are the first.' : undefined}>
            Before
          </Button>
          <Button onClick={() => setStart(String(Math.min(65_535, first + registers)))} icon="right" whyNot={wrong ? 'Mend the fields first.' : undefined}>
            After
          </Button>
          <label className="checkbox">
            <input type="checkbox" checked={live} onChange={(event) => setLive(event.target.checked)} />
            Keep reading
          </label>
        </div>
      </form>
      {read.error !== null && read.error !== undefined && <Failure error={read.error} />}
      {read.answer !== undefined && <TrialOutcome problem={read.answer.problem} findings={read.answer.findings} frames={read.answer.frames} />}
      {value !== undefined && value.quality.severity === 'bad' && (
        <Notice tone="bad" title={`${value.address}: ${value.quality.reason}`}>
          <span>The device has not all of these registers. Read fewer, or begin elsewhere.</span>
        </Notice>
      )}
      {block.length === 0 && read.answer === undefined && (
        <p className="muted">
          Read a block to see it under every type and byte order. A click on the value that you recognise makes a tag of it.
        </p>
      )}
      {block.length > 0 && (
        <>
          <div className="register-tools">
            <fieldset className="segments">
              <legend className="visually-hidden">Show registers as</legend>
              {views.map((each) => (
                <label key={each}>
                  <input type="radio" name="register-view" checked={view === each} onChange={() => setView(each)} />
                  <span>{each}</span>
                </label>
              ))}
            </fieldset>
            <TextField label="Find what the machine shows" hint="Such as 83.5. Also found where the device keeps 835." inputMode="decimal" autoComplete="off" value={seen} onChange={(event) => setSeen(event.target.value)} />
          </div>
          <p className="small muted legend">
            <span className="reg likely">likely</span> a usual size in this order, read from here
            {seen !== '' && (
              <>
                {' '}
                <span className="reg found">found</span> what the machine shows
              </>
            )}{' '}
            <span className="reg picked">picked</span> a tag already. Read at {clock(read.at)}, {plural(block.length / 2, 'register')}.
          </p>
          <RegisterTable block={block} area={shownArea} first={Number(shownStart)} view={view} seen={seen} byteOrder={byteOrder} picked={picked} onPick={onPick} />
        </>
      )}
    </div>
  )
}

interface TableProps {
  block: Uint8Array
  area: string
  first: number
  view: View
  seen: string
  byteOrder: string
  picked: ReadonlySet<string>
  onPick: (pick: NewPick) => void
}

function columnsOf(view: View): [WideType, readonly Order[]][] {
  if (view === 'Bits and text') return []
  const types = wideTypes.filter((type) => view === 'Everything' || (widthOf(type) === 2) === (view === '32 bit'))
  return types.map((type) => [type, view === '64 bit' ? orders64 : orders32])
}

function RegisterTable({ block, area, first, view, seen, byteOrder, picked, onPick }: TableProps) {
  const columns = columnsOf(view).map(([type, orders]) => ({ type, orders, likely: likelyOrders(block, type, orders) }))
  const bits = view === 'Bits and text' || view === 'Everything'
  const rows = Array.from({ length: Math.floor(block.length / 2) }, (_, at) => at)
  const cell = { area, byteOrder, picked, seen, onPick }
  return (
    // One stop for the Tab key; the arrows go from value to value.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex jsx-a11y/no-noninteractive-element-interactions
    <div className="table-scroll registers" role="region" aria-label="Values of the registers" aria-describedby="register-keys" tabIndex={0} onKeyDown={moveInTable}>
      <span className="visually-hidden" id="register-keys">
        The arrow keys go from value to value; Enter makes a tag.
      </span>
      <table className="table register-table">
        <thead>
          <tr>
            <th scope="col" rowSpan={2} className="register-number">
              Register
            </th>
            <th scope="col" rowSpan={2}>
              Hex
            </th>
            <th scope="col" rowSpan={2}>
              uint16
            </th>
            <th scope="col" rowSpan={2}>
              int16
            </th>
            {bits && (
              <>
                <th scope="col" rowSpan={2}>
                  Bits, 15 to 0
                </th>
                <th scope="col" rowSpan={2}>
                  Text
                </th>
              </>
            )}
            {columns.map(({ type, orders }) => (
              <th key={type} scope="colgroup" colSpan={orders.length} className="type-head">
                {type}
              </th>
            ))}
          </tr>
          <tr>
            {columns.flatMap(({ type, orders }) =>
              orders.map((order, index) => (
                <th key={`${type} ${order}`} scope="col" className={index === 0 ? 'first-order' : undefined}>
                  {order}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((at) => (
            <tr key={at}>
              <th scope="row" className="register-number">
                {first + at}
              </th>
              <td className="mono">{hexOf(block, at)}</td>
              <Cell {...cell} register={first + at} type="uint16" order={undefined} reading={narrow(block, at, 'uint16')} likely={false} />
              <Cell {...cell} register={first + at} type="int16" order={undefined} reading={narrow(block, at, 'int16')} likely={false} />
              {bits && <BitsCell {...cell} register={first + at} bits={bitsOf(block, at)} />}
              {bits && <TextCell {...cell} register={first + at} characters={charactersOf(block, at)} length={textLength(block, at)} />}
              {columns.flatMap(({ type, orders, likely }) =>
                orders.map((order, index) => (
                  <Cell key={`${type} ${order}`} {...cell} register={first + at} type={type} order={order} reading={wide(block, at, type, order)} likely={order === likely[at]} firstOrder={index === 0} />
                )),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const steps: Record<string, [number, number]> = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }

function moveInTable(event: React.KeyboardEvent<HTMLElement>) {
  const step = steps[event.key]
  if (step === undefined) return
  const rows = [...event.currentTarget.querySelectorAll('tbody tr')].map((row) => [...row.querySelectorAll('button')])
  const at = rows.findIndex((row) => row.some((button) => button === document.activeElement))
  const column = rows[at]?.findIndex((button) => button === document.activeElement) ?? -1
  const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step[0]))] ?? []
  const target = row[Math.min(row.length - 1, Math.max(0, at < 0 ? 0 : column + step[1]))]
  if (target === undefined) return
  event.preventDefault()
  target.focus()
}

interface CellProps {
  area: string
  byteOrder: string
  picked: ReadonlySet<string>
  seen: string
  onPick: (pick: NewPick) => void
  register: number
}

interface ValueCellProps extends CellProps {
  type: string
  order: Order | undefined
  reading: Reading | undefined
  likely: boolean
  firstOrder?: boolean
}

function Cell({ area, byteOrder, picked, seen, onPick, register, type, order, reading, likely, firstOrder = false }: ValueCellProps) {
  if (reading === undefined) return <td className={firstOrder ? 'first-order muted' : 'muted'}>–</td>
  const address = addressOf(area, register, type, order, byteOrder)
  const factor = seen.trim() === '' ? undefined : factorFor(reading, seen, !type.startsWith('float'))
  const taken = picked.has(`${address} ${type}`)
  const scale = factor !== undefined && factor !== 1 ? { slope: factor, offset: 0 } : undefined
  const state = `${likely ? 'likely' : ''} ${factor !== undefined ? 'found' : ''} ${taken ? 'picked' : ''}`
  return (
    <td className={firstOrder ? 'first-order' : undefined}>
      <button
        type="button"
        tabIndex={-1}
        className={`reg ${state}`}
        aria-label={`${reading.text} as ${type}${order === undefined ? '' : ` ${order}`} at ${area} ${register}${likely ? ', likely' : ''}${factor !== undefined ? ', found' : ''}${taken ? ', picked' : ''}: make a tag`}
        title={`${address}, ${type}${scale === undefined ? '' : `, times ${scale.slope}`}`}
        onClick={() => onPick({ name: `${area}_${register}`, address, type, ...(scale === undefined ? {} : { scale }) })}
      >
        {taken && <Icon name="check" />}
        {reading.text}
        {scale !== undefined && <small> × {scale.slope}</small>}
      </button>
    </td>
  )
}

function BitsCell({ area, register, bits, picked, onPick }: CellProps & { bits: boolean[] }) {
  return (
    <td className="bits">
      {bits
        .map((on, bit) => {
          const address = `${area}:${register}.${bit}`
          return (
            <button
              key={bit}
              type="button"
              tabIndex={-1}
              className={`bit ${on ? 'on' : ''} ${picked.has(`${address} bool`) ? 'picked' : ''} ${bit % 4 === 3 && bit !== 15 ? 'nibble' : ''}`}
              aria-label={`Bit ${bit} of ${area} ${register} is ${on ? 1 : 0}: make a tag`}
              title={address}
              onClick={() => onPick({ name: `${area}_${register}_${bit}`, address, type: 'bool', writable: false })}
            >
              {on ? 1 : 0}
            </button>
          )
        })
        .toReversed()}
    </td>
  )
}

function TextCell({ area, register, characters, length, picked, onPick }: CellProps & { characters: string; length: number }) {
  const address = `${area}:${register}/${length}`
  if (length < 4) return <td className="mono muted">{characters}</td>
  return (
    <td>
      <button type="button" tabIndex={-1} className={`reg mono ${picked.has(`${address} text`) ? 'picked' : ''}`} aria-label={`Text of ${length} bytes from ${area} ${register}: make a tag`} title={address} onClick={() => onPick({ name: `${area}_${register}`, address, type: 'text' })}>
        {characters}
      </button>
    </td>
  )
}
