/** What goes over the wire to one device, as it goes: for those who look for the cause. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useParams } from 'react-router'

import { api } from '../../api/client'
import { queryClient } from '../../api/queries'
import type { Frame } from '../../api/types'
import { Failure } from '../../components/Failure'
import { FrameList, framesText } from '../../components/FrameList'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { download } from '../../lib/download'
import { count, plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { clock } from '../../lib/time'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { DeviceHead } from './DeviceHead'

/** Frames kept on the page; the edge keeps its own number. */
const keptMax = 2_000
const pageSize = 500

const directions = ['all', 'sent', 'received', 'note'] as const

export function CommunicationPage() {
  const name = useParams()['device'] ?? ''
  useTitle(`Communication · ${name}`)
  const me = useMe()
  const [paused, setPaused] = useState(false)
  const [filter, setFilter] = useState('')
  const [direction, setDirection] = useState<(typeof directions)[number]>('all')
  const [copied, setCopied] = useState('')
  const { trace, frames, clear } = useFrames(name, paused)
  const turn = useMutation({
    mutationFn: (on: boolean) => api.switchTrace(name, on),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['trace', name] }),
  })
  const on = trace.data?.on ?? false
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase()
    const plain = wanted.replaceAll(' ', '')
    return frames
      .filter((frame) => direction === 'all' || frame.direction === direction)
      .filter((frame) => wanted === '' || frame.meaning.toLowerCase().includes(wanted) || (/^[0-9a-f]+$/.test(plain) && frame.hex.replaceAll(' ', '').includes(plain)))
  }, [frames, filter, direction])
  const nothing = shown.length === 0 ? 'There is nothing to take yet.' : undefined
  return (
    <div className="page">
      <DeviceHead name={name} page="Communication" />
      <section className="panel" aria-labelledby="communication">
        <header>
          <h2 id="communication">Communication</h2>
          <span className="small muted" role="status">
            {on
              ? `On${trace.data?.until === null || trace.data?.until === undefined ? '' : `, turns itself off at ${clock(trace.data.until)}`}. ${plural(frames.length, 'entry', 'entries')}${paused ? ', paused' : ''}.`
              : 'Off: nothing is recorded.'}
          </span>
        </header>
        <div className="filters">
          <Button kind={on ? 'plain' : 'primary'} icon={on ? 'off' : 'turning'} busy={turn.isPending} onClick={() => turn.mutate(!on)} whyNot={whyNot(me.role, 'operator', 'Switching the log')}>
            {on ? 'Turn off' : 'Turn on'}
          </Button>
          <div className="search">
            <Icon name="search" />
            <input type="search" className="input" aria-label="Filter by meaning or bytes" placeholder="Meaning or bytes" value={filter} onChange={(event) => setFilter(event.target.value)} />
          </div>
          <fieldset className="segments">
            <legend className="visually-hidden">Direction</legend>
            {directions.map((each) => (
              <label key={each}>
                <input type="radio" name="direction" checked={direction === each} onChange={() => setDirection(each)} />
                <span>{each === 'note' ? 'notes' : each}</span>
              </label>
            ))}
          </fieldset>
        </div>
        <div className="filters log-tools">
          <Button onClick={() => setPaused(!paused)} whyNot={on || paused ? undefined : 'It is off.'}>
            {paused ? 'Go on' : 'Pause'}
          </Button>
          <Button
            whyNot={nothing}
            onClick={() => {
              navigator.clipboard.writeText(framesText(shown)).then(
                () => setCopied(`${plural(shown.length, 'entry', 'entries')} copied.`),
                () => setCopied('The browser did not allow copying. Download it instead.'),
              )
            }}
          >
            Copy
          </Button>
          <Button icon="download" whyNot={nothing} onClick={() => download(`${name}-communication.txt`, framesText(shown), 'text/plain')}>
            Download
          </Button>
          <Button kind="quiet" onClick={clear} whyNot={frames.length === 0 ? 'It is empty.' : undefined}>
            Clear the page
          </Button>
          <span className="small muted" role="status">
            {copied}
          </span>
        </div>
        {trace.error !== null && (
          <div className="body">
            <Failure error={trace.error} />
          </div>
        )}
        {turn.error !== null && (
          <div className="body">
            <Failure error={turn.error} />
          </div>
        )}
        {frames.length === 0 && (
          <p className="body">{on ? 'Nothing was sent or received since it was turned on. It shows up here by itself.' : 'Turn it on to see every message to and from the device, in hex and in words. It costs little, and turns itself off after an hour.'}</p>
        )}
        {frames.length > 0 && shown.length === 0 && <p className="body">None of {count(frames.length)} entries matches the filter.</p>}
        {shown.length > 0 && <FrameList frames={shown} label={`Communication with ${name}`} live />}
      </section>
    </div>
  )
}

/** What came since the page was opened, the newest first; nothing is added while it is paused. */
function useFrames(device: string, paused: boolean) {
  const [frames, setFrames] = useState<Frame[]>([])
  const after = useRef(0)
  const trace = useQuery({
    queryKey: ['trace', device],
    queryFn: ({ signal }) => api.trace(device, after.current, pageSize, signal),
    refetchInterval: (query) => (paused ? false : query.state.data?.on === true ? 1_000 : 3_000),
    staleTime: 0,
    gcTime: 0,
  })
  useEffect(() => {
    const data = trace.data
    if (data === undefined) return
    // The edge counts from the start again after a restart.
    if (data.next < after.current) after.current = 0
    const fresh = data.frames.filter((frame) => frame.number > after.current)
    if (fresh.length === 0) return
    after.current = Math.max(after.current, ...fresh.map((frame) => frame.number))
    setFrames((before) => [...fresh.toReversed(), ...before].slice(0, keptMax))
  }, [trace.data])
  return { trace, frames, clear: () => setFrames([]) }
}
