/** What a device would ask of its link, beside what it asks now. */
import { useQuery } from '@tanstack/react-query'

import { api } from '../api/client'
import type { Load, TrialRequest } from '../api/types'
import { useSettled } from '../hooks/useSettled'
import { count } from '../lib/numbers'
import { duration, interval } from '../lib/time'
import { Notice } from '../ui/Notice'
import { Failure } from './Failure'
import { FindingList } from './FindingList'

export function LoadEstimate({ request }: { request: TrialRequest }) {
  const key = useSettled(JSON.stringify(request))
  const estimate = useQuery({
    queryKey: ['estimate', key],
    queryFn: ({ signal }) => api.trialEstimate(JSON.parse(key) as TrialRequest, signal),
    placeholderData: (before) => before,
    retry: false,
  })
  const data = estimate.data
  const errors = data?.findings.filter((finding) => finding.weight === 'error') ?? []
  return (
    <section className="panel" aria-labelledby="load-estimate">
      <header>
        <h3 id="load-estimate">Load on the link</h3>
        <span className="small muted" role="status">
          {estimate.isFetching ? 'counting…' : ''}
        </span>
      </header>
      {estimate.error !== null && (
        <div className="body">
          <Failure error={estimate.error} />
        </div>
      )}
      {errors.length > 0 && <FindingList findings={errors} withoutLines />}
      {data !== undefined && errors.length === 0 && (
        <>
          <div className="body loads">
            {data.now !== null && <LoadFigure title="Now" load={data.now} />}
            <LoadFigure title={data.now === null ? 'With these tags' : 'After'} load={data} />
          </div>
          <TooMuch share={data.link_share} />
          <table className="table estimate">
            <thead>
              <tr>
                <th scope="col">Group</th>
                <th scope="col" className="number">
                  Interval
                </th>
                <th scope="col" className="number">
                  Tags
                </th>
                <th scope="col" className="number">
                  Requests for one read
                </th>
              </tr>
            </thead>
            <tbody>
              {data.groups.map((group) => (
                <tr key={group.name}>
                  <th scope="row">{group.name}</th>
                  <td className="number" data-label="interval">{interval(group.interval_ms)}</td>
                  <td className="number" data-label="tags">{count(group.tags)}</td>
                  <td className="number" data-label="requests">{group.watched ? 'none: the device reports changes' : count(group.requests_per_read)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  )
}

/** 0.0034 → `0.3 %`; a share that would be shown as nothing is still told. */
export function percent(share: number): string {
  const value = 100 * share
  if (value > 0 && value < 0.1) return '< 0.1 %'
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} %`
}

export function rate(requests: number): string {
  return requests >= 100 ? count(Math.round(requests)) : String(Number(requests.toFixed(requests < 1 ? 2 : 1)))
}

function LoadFigure({ title, load }: { title: string; load: Load }) {
  const share = load.link_share
  return (
    <div className="load">
      <h4>{title}</h4>
      <p>
        <strong>{rate(load.requests_per_second)}</strong> requests/s
      </p>
      {share === null ? (
        <p className="small muted">Its share of the link’s time is known once the device runs and its answers are timed.</p>
      ) : (
        <>
          <ShareBar share={share} label={`Share of the link’s time, ${title.toLowerCase()}`} />
          <p className="small">
            <strong>{percent(share)}</strong> of the link’s time
          </p>
        </>
      )}
    </div>
  )
}

export function ShareBar({ share, label }: { share: number; label: string }) {
  const tone = share > 0.9 ? 'bad' : share > 0.6 ? 'warn' : 'good'
  return <meter className={`share ${tone}`} min={0} max={1} value={Math.min(1, share)} aria-label={label} title={percent(share)} />
}

function TooMuch({ share }: { share: number | null }) {
  if (share === null || share <= 0.6) return null
  return (
    <div className="body">
      <Notice tone={share > 0.9 ? 'bad' : 'warn'} title={share > 0.9 ? 'The link cannot keep up' : 'The link is busy'}>
        <span>
          {share > 0.9 ? 'Reads would come late or be left out. ' : 'There is little room for retries and writes. '}
          Choose a longer interval, move tags that change slowly to a slower group, or read fewer tags.
        </span>
      </Notice>
    </div>
  )
}

export function roundTrip(ms: number | null): string {
  return ms === null ? 'not measured yet' : duration(ms)
}
