/** What came of a trial: the problem with its remedy, findings of the check before it, and the frames. */
import type { Finding, Frame, TrialProblem } from '../api/types'
import { plural } from '../lib/numbers'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'
import { FindingList } from './FindingList'
import { FrameList } from './FrameList'

interface Props {
  problem: TrialProblem | null
  findings: Finding[]
  frames: Frame[]
  /** shown when nothing is wrong */
  good?: React.ReactNode
}

export function TrialOutcome({ problem, findings, frames, good }: Props) {
  const errors = findings.filter((finding) => finding.weight === 'error')
  return (
    <>
      {problem !== null && (
        <Notice tone="bad" title={<Prose text={problem.problem} />}>
          <span>
            <Prose text={problem.remedy} />
          </span>
        </Notice>
      )}
      {errors.length > 0 && (
        <Notice tone="bad" title="The settings are not right yet; nothing was sent">
          <FindingList findings={errors} withoutLines />
        </Notice>
      )}
      {problem === null && errors.length === 0 && good}
      {frames.length > 0 && (
        <details className="trial-frames">
          <summary>Communication: {plural(frames.length, 'entry', 'entries')}</summary>
          <FrameList frames={frames} label="Communication of the trial" />
        </details>
      )}
    </>
  )
}
