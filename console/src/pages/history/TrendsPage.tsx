/** Tags over time: picked, zoomed down to every sample, read at a cursor, taken along as CSV. All of it is in the address. */
import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { Link, useLocation, useNavigate, useSearchParams } from 'react-router'

import { live } from '../../api/live'
import { statusQuery } from '../../api/queries'
import { PageHead } from '../../components/PageHead'
import { HistoryTabs } from '../../components/Tabs'
import { TagPicker } from '../../components/TagPicker'
import { TrendChart } from '../../components/TrendChart'
import { heldAt, TrendTable } from '../../components/TrendTable'
import { useNow } from '../../hooks/useNow'
import { useSize } from '../../hooks/useSize'
import { useTitle } from '../../hooks/useTitle'
import { useClockOffset, useTraces, type Trace } from '../../hooks/useTraces'
import { download } from '../../lib/download'
import { withUnit } from '../../lib/tag'
import { csvOf, keyOf, panned, rangeOf, spans, tagsMost, tagsOf, withRange, withTags, zoomed, type Range, type TagName, type View } from '../../lib/trend'
import type { Line } from '../../lib/trendLayout'
import { moment, momentMs } from '../../lib/time'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { OwnRange } from './OwnRange'
import { TrendExport } from './TrendExport'

export function TrendsPage() {
  useTitle('Trends')
  const [search, setSearch] = useSearchParams()
  const tags = useMemo(() => tagsOf(search), [search])
  const { state } = useLocation()
  const change = (next: TagName[]) => setSearch((before) => withTags(before, next), { replace: true, state })
  return (
    <div className="page">
      <PageHead title="Trends" lead="The past of tags, from now back to the oldest sample that is kept." />
      <HistoryTabs />
      <section className="panel" aria-label="Trend">
        <div className="trend-pick">
          <TagPicker taken={tags} whyNot={tags.length >= tagsMost ? `${tagsMost} tags are shown, which is the most. Remove one first.` : undefined} onAdd={(tag) => change([...tags, tag])} />
        </div>
        {tags.length === 0 ? <FirstSteps /> : <Trend tags={tags} onRemove={(key) => change(tags.filter((each) => keyOf(each) !== key))} />}
      </section>
    </div>
  )
}

function FirstSteps() {
  const status = useQuery(statusQuery).data
  useEffect(() => live.watch(''), [])
  return (
    <div className="body empty">
      <h2>No tag is picked yet</h2>
      {status?.tags.total === 0 ? (
        <>
          <p>This edge has no tags. Add a device first; what it reads is kept from then on, and shown here.</p>
          <Link className="button primary" to={paths.addDevice}>
            Add a device
          </Link>
        </>
      ) : (
        <p>Pick up to {tagsMost} tags in the field above: a part of a tag's name, or of its device's or rule's, is enough. Tags of one unit share a scale; on and off, and texts, get a lane of their own.</p>
      )}
    </div>
  )
}

function Trend({ tags, onRemove }: { tags: TagName[]; onRemove: (key: string) => void }) {
  const [search, setSearch] = useSearchParams()
  const navigate = useNavigate()
  const location = useLocation()
  const depth = (location.state as { depth?: number } | null)?.depth ?? 0
  const [ref, width] = useSize<HTMLDivElement>()
  const offsetMs = useClockOffset()
  const range = useMemo(() => rangeOf(search), [search])
  const tick = useNow() + offsetMs
  const now = useCallback(() => Date.now() + offsetMs, [offsetMs])
  // Holds until the address has it.
  const [moved, setMoved] = useState<{ search: URLSearchParams; view: View } | undefined>()
  const moving = moved?.search === search ? moved.view : undefined
  const [cursor, setCursor] = useState<number | undefined>()
  const [points] = useState(() => Math.min(4_000, Math.ceil(Math.min(window.innerWidth, 2_000) / 200) * 400))
  const traces = useTraces(tags, range, points, offsetMs)
  const view = moving ?? settledView(range, tick)
  const latest = useRef(view)
  useEffect(() => {
    latest.current = view
  })
  const timer = useRef<number | undefined>(undefined)
  useEffect(() => () => window.clearTimeout(timer.current), [])

  const go = (next: Range) => setSearch((before) => withRange(before, next), { state: { depth: depth + 1 } })
  const onView = (next: View, how: 'moving' | 'soon' | 'done') => {
    window.clearTimeout(timer.current)
    latest.current = next
    setMoved({ search, view: next })
    if (how === 'done') go({ live: false, ...next })
    else if (how === 'soon') timer.current = window.setTimeout(() => go({ live: false, ...next }), 300)
  }

  const span = view.to - view.from
  const lines = traces.map((trace, index) => lineOf(trace, index, span)).filter((_, index) => traces[index]?.answer !== undefined)
  const spoken = cursor === undefined ? '' : `${momentMs(cursor)}: ${traces.map((trace) => `${trace.tag} ${withUnit(heldAt(trace, view, cursor)?.text ?? null, trace.about?.unit)}, ${heldAt(trace, view, cursor)?.quality ?? 'none'}`).join('; ')}`
  const waiting = traces.some((trace) => trace.loading && trace.error === null)
  const middle = cursor ?? (view.from + view.to) / 2
  return (
    <>
      <div className="trend-tools">
        <fieldset className="segments">
          <legend className="visually-hidden">Time shown</legend>
          {spans.map(([key, label, spanMs]) => (
            <label key={key}>
              <input type="radio" name="span" checked={range.live && range.key === key} onChange={() => go({ live: true, key, spanMs })} />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <OwnRange view={view} own={!range.live} onRange={(next) => go({ live: false, ...next })} />
        <div className="buttons trend-moves">
          <Button icon="left" onClick={() => onView(panned(view, -span / 2, now()), 'done')}>
            <span className="move-name">Earlier</span>
          </Button>
          <Button icon="right" onClick={() => onView(panned(view, span / 2, now()), 'done')} whyNot={range.live ? 'The right edge is now.' : undefined}>
            <span className="move-name">Later</span>
          </Button>
          <Button icon="plus" onClick={() => onView(zoomed(view, 0.5, middle, now()), 'done')}>
            <span className="move-name">Zoom in</span>
          </Button>
          <Button icon="minus" onClick={() => onView(zoomed(view, 2, middle, now()), 'done')}>
            <span className="move-name">Zoom out</span>
          </Button>
          <Button icon="undo" onClick={() => void navigate(-1)} whyNot={depth === 0 ? 'Nothing was zoomed yet.' : undefined}>
            <span className="move-name">Back</span>
          </Button>
        </div>
      </div>
      <div className="trend-state">
        <strong>
          {momentMs(view.from).replace(/\.\d+$/, '')} – {range.live && moving === undefined ? 'now' : momentMs(view.to).replace(/\.\d+$/, '')}
        </strong>
        {!range.live && (
          <Button kind="quiet" icon="play" onClick={() => go(lastSpan(span))}>
            Follow what comes
          </Button>
        )}
        <span className="small muted" role="status">
          {sentence(traces, view, waiting)}
        </span>
        <TrendExport
          tags={tags}
          view={view}
          whyNot={waiting ? 'The samples are on their way.' : traces.every((trace) => trace.series.samples.length === 0) ? 'There is no sample to export.' : undefined}
          onShown={() => download(fileName(view), csvOf(traces.map((trace) => ({ ...trace, unit: trace.about?.unit })), view), 'text/csv')}
        />
      </div>
      <div className="trend-frame" ref={ref}>
        <TrendChart lines={lines} width={width} view={view} current={() => latest.current} now={now} cursor={cursor} reading={spoken} onCursor={setCursor} onView={onView} />
      </div>
      <p className="small muted trend-legend">
        <span>
          <span className="swatch bad" aria-hidden="true" /> bad: no value, from the cross on
        </span>
        <span>
          <span className="swatch uncertain-line" aria-hidden="true" /> uncertain
        </span>
        <span>
          <span className="swatch hold" aria-hidden="true" /> nothing stored: value held
        </span>
        <span className="for-mouse">Drag or turn the wheel to zoom, drag with Shift to move. Arrow keys read, + and − zoom.</span>
        <span className="for-touch">Two fingers zoom and move, one reads.</span>
      </p>
      <TrendTable traces={traces} view={view} cursor={cursor} onRemove={onRemove} />
    </>
  )
}

/** Moves with the clock no more often than it can be seen. */
function settledView(range: Range, now: number): View {
  if (!range.live) return { from: range.from, to: range.to }
  const step = Math.max(1_000, range.spanMs / 2_000)
  const to = Math.ceil(now / step) * step
  return { from: to - range.spanMs, to }
}

function lineOf(trace: Trace, index: number, span: number): Line {
  const quietMs = Math.max(30_000, 10 * (trace.about?.interval_ms ?? 1_000), trace.answer?.thinned === true ? span / 60 : 0)
  return { number: index + 1, name: trace.tag, unit: trace.about?.unit ?? '', series: trace.series, quietMs }
}

function lastSpan(span: number): Range {
  const [key, , spanMs] = spans.find(([, , ms]) => ms >= span * 0.99) ?? spans[spans.length - 1] ?? spans[1]
  return { live: true, key, spanMs }
}

function sentence(traces: Trace[], view: View, waiting: boolean): string {
  if (waiting) return 'Asking the edge…'
  const answers = traces.map((trace) => trace.answer).filter((each) => each !== undefined)
  if (answers.length === 0) return ''
  const oldest = answers.map((each) => each.complete_from).filter((each) => each !== null).toSorted()[0]
  const late = oldest !== undefined && Date.parse(oldest) > view.from + 1_000 ? ` The oldest sample kept is of ${moment(oldest)}.` : ''
  const rolled = answers.map((each) => each.rolled_up_to).filter((each) => each !== null).toSorted().at(-1)
  const gone = rolled === undefined ? '' : ` Until ${moment(rolled)} rollups stand for samples that are gone: first, last, lowest and highest of each minute, hour or day.`
  return `${answers.some((each) => each.thinned) ? 'Thinned; lowest and highest are kept. Zoom in for every sample.' : 'Every sample of this range is shown.'}${gone}${late}`
}

const stamp = (time: number) => new Date(time).toISOString().slice(0, 19).replaceAll(':', '')

function fileName({ from, to }: View): string {
  return `trend-${stamp(from)}Z-${stamp(to)}Z.csv`
}
