/** The answer to "is all well?": plainly yes, or the list of what is not. */
import { Link } from 'react-router'

import type { Device, Problem, Status } from '../api/types'
import { plural } from '../lib/numbers'
import { paths } from '../paths'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'
import { Since } from './Since'
import { TagBalance } from './TagBalance'

export function Health({ status, devices }: { status: Status; devices: Device[] }) {
  const problems = status.problems
  return (
    <section className="health" aria-labelledby="health">
      {problems.length === 0 ? (
        <AllWell status={status} devices={devices} />
      ) : (
        <>
          <div className={`health-head ${problems.some((each) => each.severity === 'error') ? 'bad' : 'warn'}`}>
            <Icon name={problems.some((each) => each.severity === 'error') ? 'cross' : 'warning'} />
            <div>
              <h2 id="health" aria-live="polite">{headline(status)}</h2>
              <p>{plural(problems.length, 'problem')}, the worst first</p>
            </div>
            <TagBalance tags={status.tags} />
          </div>
          <ul className="problems">
            {problems.map((problem) => (
              <ProblemCard key={`${problem.kind}/${problem.subject}/${problem.since}`} problem={problem} />
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function AllWell({ status, devices }: { status: Status; devices: Device[] }) {
  const changes = [...devices, ...status.sinks].map((each) => each.since)
  const last = changes.toSorted().at(-1) ?? status.started_at
  return (
    <div className="health-head good">
      <Icon name="check" />
      <div>
        <h2 id="health" aria-live="polite">
          {status.tags.total === 1 ? 'The tag is' : `All ${plural(status.tags.total, 'tag')} are`} fresh and good
        </h2>
        <p>
          {plural(status.devices.online, 'device')} online. No device or sink has changed state since{' '}
          <Since time={last} />.
        </p>
      </div>
      <TagBalance tags={status.tags} />
    </div>
  )
}

function headline(status: Status): string {
  const { total, bad, uncertain, stale } = status.tags
  const parts = [
    bad > 0 ? `${bad} bad` : '',
    uncertain > 0 ? `${uncertain} uncertain` : '',
    stale > 0 ? `${stale} stale` : '',
  ].filter((part) => part !== '')
  if (parts.length === 0) return `All ${plural(total, 'tag')} are fresh and good, but look at this`
  return `Of ${plural(total, 'tag')}, ${parts.join(', ').replace(/, ([^,]*)$/, ' and $1')}`
}

const kinds: Record<Problem['kind'], string> = {
  device: 'Device',
  tags: 'Tags of',
  sink: 'Sink',
  clock: 'Clock',
  journal: 'Journal',
  task: 'Task',
}

function link(problem: Problem): string | undefined {
  if (problem.link !== undefined && problem.link.startsWith('/')) return problem.link
  if (problem.kind === 'device') return paths.device(problem.subject)
  if (problem.kind === 'tags') return `${paths.device(problem.subject)}?quality=bad`
  return undefined
}

function ProblemCard({ problem }: { problem: Problem }) {
  const to = link(problem)
  const alone = problem.kind === 'clock' || problem.kind === 'journal'
  return (
    <li className={`problem-card ${problem.severity}`}>
      <div className="problem-title">
        <Icon name={problem.severity === 'error' ? 'cross' : 'warning'} />
        <h3>
          <span className="muted">{kinds[problem.kind]}</span>{' '}
          {!alone && (to === undefined ? problem.subject : <Link to={to}>{problem.subject}</Link>)}
        </h3>
        <span className="problem-side">
          <span className={`severity ${problem.severity}`}>{problem.severity}</span>
          {problem.tags !== undefined && problem.tags > 0 && <span>{plural(problem.tags, 'tag')} affected</span>}
          <span>
            since <Since time={problem.since} />
          </span>
        </span>
      </div>
      <p className="problem-cause">{problem.cause}</p>
      <dl className="problem-what">
        {problem.doing !== '' && (
          <div>
            <dt>The edge</dt>
            <dd>{problem.doing}</dd>
          </div>
        )}
        {problem.remedy !== '' && (
          <div>
            <dt>You</dt>
            <dd>
              <Prose text={problem.remedy} />
            </dd>
          </div>
        )}
      </dl>
    </li>
  )
}
