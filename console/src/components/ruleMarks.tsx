/** Stage and state of a rule, each as a shape and a word; the colour only repeats what they say. */
import type { RuleStage, RuleState } from '../api/rules'
import { stageWords, stateWords } from '../lib/rules'
import type { IconName } from '../ui/Icon'
import { Mark, type MarkTone } from '../ui/Mark'

const states: Record<RuleState, [MarkTone, IconName]> = {
  running: ['good', 'check'],
  waiting: ['warn', 'clock'],
  stopped: ['off', 'off'],
  failed: ['bad', 'cross'],
}

export function RuleMark({ state, chip = false }: { state: RuleState; chip?: boolean }) {
  const [tone, icon] = states[state]
  return (
    <Mark tone={tone} icon={icon} chip={chip}>
      {stateWords[state]}
    </Mark>
  )
}

export function StageMark({ stage }: { stage: RuleStage }) {
  return <span className={`stage ${stage}`}>{stageWords[stage]}</span>
}
