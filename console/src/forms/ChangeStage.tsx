/** Another stage for several rules: chosen here, then seen as a difference and applied like any other change. */
import { useId, useMemo, useState } from 'react'

import { ruleStages, type RuleStage } from '../api/rules'
import { StageMark } from '../components/ruleMarks'
import { useConfigText } from '../hooks/useConfigText'
import { plural } from '../lib/numbers'
import { stageChange, stageComment, stageEffects, stagesIn, withStages } from '../lib/ruleStages'
import { stageWords } from '../lib/rules'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { ReviewEdit } from './ReviewEdit'

interface Props {
  names: readonly string[]
  onClose: () => void
  onApplied: (stage: RuleStage, names: string[]) => void
}

const namedMost = 8

export function ChangeStage({ names, onClose, onApplied }: Props) {
  const id = useId()
  const text = useConfigText()
  const stages = useMemo(() => stagesIn(text), [text])
  const [stage, setStage] = useState<RuleStage | undefined>()
  const [review, setReview] = useState(false)
  const { changing, same, gone } = stageChange(stages, names, stage ?? 'draft')
  const writers = changing.filter((name) => stages.get(name)?.writes === true)
  const cannot = stage === undefined ? 'Choose a stage first.' : changing.length === 0 ? `Nothing would change: ${names.length === 1 ? 'the rule is' : 'all of them are'} ${stageWords[stage]} already.` : undefined
  if (review && stage !== undefined) {
    return (
      <ReviewEdit
        edit={(running) => withStages(running?.text ?? '', names, stage)}
        comment={stageComment(changing, stage)}
        onClose={() => setReview(false)}
        onSaved={() => onApplied(stage, changing)}
        onDiscarded={onClose}
      />
    )
  }
  return (
    <Dialog
      title={`Change the stage: ${plural(names.length, 'rule')}`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" onClick={() => setReview(true)} whyNot={cannot}>
            Show the difference
          </Button>
        </>
      }
    >
      <div className="form">
        <ul className="plain-list stage-names">
          {names.slice(0, namedMost).map((name) => (
            <li key={name}>
              <strong>{name}</strong> {stages.has(name) ? <StageMark stage={stages.get(name)?.stage ?? 'live'} /> : <span className="muted">is no longer in the configuration</span>}
            </li>
          ))}
          {names.length > namedMost && <li className="muted">and {plural(names.length - namedMost, 'other')}</li>}
        </ul>
        <fieldset className="rule-stages">
          <legend>New stage</legend>
          {ruleStages.map((each) => (
            <div key={each} className={stage === each ? 'rule-stage chosen' : 'rule-stage'}>
              <label>
                <input type="radio" name={id} aria-describedby={`${id}-${each}`} checked={stage === each} onChange={() => setStage(each)} />
                {stageWords[each]}
              </label>
              <span className="sub" id={`${id}-${each}`}>
                {stageEffects[each]}
              </span>
            </div>
          ))}
        </fieldset>
        {stage === 'live' && writers.length > 0 && (
          <Notice tone="warn" title={`${plural(writers.length, 'of them writes', 'of them write')} values to devices`}>
            <span>
              {writers.slice(0, namedMost).join(', ')}
              {writers.length > namedMost && ` and ${plural(writers.length - namedMost, 'other')}`}. Values are written as soon as the rule runs live.
            </span>
          </Notice>
        )}
        <p role="status" className="small muted">
          {stage !== undefined &&
            [
              changing.length === 0 ? '' : `${plural(changing.length, 'rule')} will become ${stageWords[stage]}.`,
              same.length === 0 ? '' : `${plural(same.length, 'rule is', 'rules are')} ${stageWords[stage]} already.`,
              gone.length === 0 ? '' : `${plural(gone.length, 'rule is', 'rules are')} no longer in the configuration.`,
            ]
              .filter((each) => each !== '')
              .join(' ')}
        </p>
      </div>
    </Dialog>
  )
}
