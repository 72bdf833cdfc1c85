/** The end of a form of the configuration: on to the review, or back to what runs. */
import type { Problems } from '../lib/formKeys'
import { plural } from '../lib/numbers'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'

interface Props {
  changed: boolean
  /** it is not in the configuration yet, and can be saved as it is */
  fresh: boolean
  /** shown once somebody tried to save */
  problems: Problems
  tried: boolean
  /** findings of the edge that are errors */
  wrong: number
  onSave: () => void
  onDiscard: () => void
}

export function FormFoot({ changed, fresh, problems, tried, wrong, onSave, onDiscard }: Props) {
  return (
    <div className={changed ? 'step-foot rule-foot' : 'step-foot rule-foot is-idle'}>
      <Button kind="primary" onClick={onSave} whyNot={!changed && !fresh ? 'Nothing is changed yet.' : wrong > 0 ? `Mend ${plural(wrong, 'finding')} first.` : undefined}>
        Review and save
      </Button>
      {changed && <Button onClick={onDiscard}>Discard changes</Button>}
      <span role="status" className="problem">
        {tried && problems.size > 0 && `${plural(problems.size, 'field')} to mend: ${[...problems.values()][0] ?? ''}`}
      </span>
    </div>
  )
}

export function Outdated({ what, onDiscard }: { what: string; onDiscard: () => void }) {
  return (
    <Notice tone="warn" title={`Somebody else changed this ${what} after you began`}>
      <span>Reviewing compares yours with what runs now.</span>
      <div>
        <Button onClick={onDiscard}>Discard mine, take the newer one</Button>
      </div>
    </Notice>
  )
}
