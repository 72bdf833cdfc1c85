/** What may be done to the chosen rules, and how far the edge is with what was done. Stays in view at the end of the list. */
import { useQuery } from '@tanstack/react-query'
import type { Ref } from 'react'
import { Link } from 'react-router'

import { followedRulesQuery } from '../api/queries'
import type { RuleStage } from '../api/rules'
import { plural } from '../lib/numbers'
import { stageProgress } from '../lib/ruleStages'
import { paths } from '../paths'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'
import { Failure } from './Failure'

/** A stage that was applied. */
export interface StageSet {
  stage: RuleStage
  names: ReadonlySet<string>
  /** tells one change from the next */
  at: number
}

interface Props {
  ref: Ref<HTMLDivElement>
  chosen: number
  /** of them on this page */
  here: number
  set: StageSet | undefined
  busy: boolean
  error: unknown
  onChange: () => void
  onNone: () => void
  onHeard: () => void
}

export function RuleChoice({ ref, chosen, here, set, busy, error, onChange, onNone, onHeard }: Props) {
  const idle = chosen === 0 && set === undefined && error === null
  const elsewhere = chosen - here
  return (
    <div className={`alarm-actions ${idle ? 'is-idle' : ''}`} ref={ref} tabIndex={-1} role="group" aria-label="What to do">
      {error !== null && <Failure error={error} />}
      {set !== undefined && <Progress key={set.at} set={set} onHeard={onHeard} />}
      <div className="buttons">
        {chosen > 0 && (
          <>
            <Button kind="primary" busy={busy} onClick={onChange}>
              Change stage…
            </Button>
            <Button kind="quiet" onClick={onNone}>
              Choose none
            </Button>
          </>
        )}
        <span role="status" className="small">
          {chosen > 0 && `${plural(chosen, 'rule is', 'rules are')} chosen${elsewhere > 0 ? `, ${elsewhere === chosen ? 'all' : elsewhere} of them on other pages` : ''}.`}
        </span>
      </div>
    </div>
  )
}

function Progress({ set, onHeard }: { set: StageSet; onHeard: () => void }) {
  const { data, error } = useQuery(followedRulesQuery(set.at))
  const progress = stageProgress(data ?? [], set.names, set.stage)
  const words = data === undefined ? 'Applied. Asking the edge how far it is…' : progress.words
  return (
    <>
      {error !== null && <Failure error={error} />}
      <div className="stage-progress">
        {progress.turned < progress.total && <progress className="rule-progress" max={progress.total} value={progress.turned} aria-label="Rules that have the new stage" />}
        <span role="status">{words}</span>
        <Button kind="quiet" icon="close" onClick={onHeard}>
          Close<span className="visually-hidden"> what became of the change of stage</span>
        </Button>
      </div>
      {progress.failed.length > 0 && (
        <Notice tone="bad" title={`${plural(progress.failed.length, 'rule has', 'rules have')} failed:`}>
          <ul className="plain-list">
            {progress.failed.map((each) => (
              <li key={each.name}>
                <Link to={paths.rule(each.name)}>{each.name}</Link>: <Prose text={`${each.problem.replace(/\.$/, '')}.`} /> <Prose text={each.remedy} />
              </li>
            ))}
          </ul>
        </Notice>
      )}
    </>
  )
}
