/** Whether an alarm would be active now: its tags with their values, and what is made of them. */
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { api } from '../api/client'
import { tagQuery } from '../api/queries'
import type { Tag } from '../api/types'
import { useNow } from '../hooks/useNow'
import { useSettled } from '../hooks/useSettled'
import type { Watched } from '../hooks/useWatched'
import type { AlarmForm } from '../lib/alarmForm'
import { asksPast, consequence, isValue, judge, type Now } from '../lib/alarmJudge'
import { timeMs } from '../lib/formKeys'
import { count, plural } from '../lib/numbers'
import { withUnit } from '../lib/tag'
import { paths } from '../paths'
import { Mark } from '../ui/Mark'
import { Failure } from './Failure'

const shownMost = 6

export function AlarmPreview({ form, watched }: { form: AlarmForm; watched: Watched }) {
  const { tags, whole, asking, error } = watched
  const none = form.tags.every((tag) => tag.trim() === '')
  return (
    <section className="panel alarm-preview" aria-labelledby="alarm-preview">
      <header>
        <h2 id="alarm-preview">Now</h2>
        <span className="muted small" role="status">
          {tags.length > 0 && `${whole ? '' : 'at least '}${plural(tags.length, 'tag is', 'tags are')} watched`}
        </span>
      </header>
      <div className="body">
        {error !== null && <Failure error={error} />}
        {none && <p className="muted">Choose a tag: its value shows up here, and whether the alarm would be active.</p>}
        {!none && asking && tags.length === 0 && <p className="muted">Asking the edge…</p>}
        {!none && !asking && error === null && tags.length === 0 && <p>No device has such a tag now. What rules give is watched too, and not shown here.</p>}
        <ul className="alarm-now">
          {tags.slice(0, shownMost).map((tag) => (
            <Row key={`${tag.device}/${tag.name}`} form={form} tag={tag} />
          ))}
        </ul>
        {tags.length > shownMost && <p className="small muted">and {count(tags.length - shownMost)} more</p>}
      </div>
    </section>
  )
}

const nowOf = (tag: Tag): Now => ({ text: tag.text, unit: tag.unit ?? '', severity: tag.quality.severity, ageMs: tag.age_ms, qualitySince: Date.parse(tag.quality_since) })

/** `device/tag`, or a tag of the device that has the alarm. */
function useOther(own: Tag, name: string, enabled: boolean): Tag | undefined {
  const parts = useSettled(name.trim()).split('/')
  const [device, tag] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [own.device, parts[0] ?? '']
  return useQuery({ ...tagQuery(device, tag), enabled: enabled && device !== '' && tag !== '', retry: false, refetchInterval: ({ state }) => (state.error === null ? 2_000 : false) }).data
}

function Row({ form, tag }: { form: AlarmForm; tag: Tag }) {
  const now = useNow()
  const reference = useOther(tag, form.reference, form.condition === 'deviation')
  const suppressing = useOther(tag, form.suppressTag, form.suppress)
  const perMs = timeMs(form.per) ?? 0
  const past = useQuery({
    queryKey: ['alarm-past', tag.device, tag.name, perMs],
    queryFn: ({ signal }) => {
      const to = Date.now()
      return api.samples(tag.device, tag.name, new Date(to - 2 * perMs - 60_000).toISOString(), new Date(to).toISOString(), 600, signal)
    },
    enabled: asksPast(form) && perMs > 0,
    refetchInterval: 5_000,
  }).data
  const verdict = judge(form, nowOf(tag), now, reference === undefined ? undefined : nowOf(reference), past?.samples)
  const suppressed = form.suppress && suppressing?.text !== undefined && suppressing.text !== null ? isValue(suppressing.text, form.suppressValue) : undefined
  const [tone, icon, word] = verdict.met === undefined ? (['off', 'info', 'cannot be told'] as const) : verdict.met ? (['bad', 'bell', 'condition met'] as const) : (['good', 'check', 'not met'] as const)
  return (
    <li>
      <div className="alarm-now-head">
        <Link to={paths.tag(tag.device, tag.name)}>
          {tag.device} / {tag.name}
        </Link>
        <strong className="value">{withUnit(tag.text, tag.unit)}</strong>
      </div>
      <Mark tone={tone} icon={icon}>
        {word}
      </Mark>
      <span className="sub">
        {verdict.words} {verdict.met === true && consequence(form, suppressed)}
      </span>
    </li>
  )
}
