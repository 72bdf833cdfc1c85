/** What stands around the fields of one item of the configuration: what others did to it meanwhile, and the way through the review. */
import type { ReactNode } from 'react'

import type { Finding } from '../api/types'
import { FindingList } from '../components/FindingList'
import type { FormDraft } from '../hooks/useFormDraft'
import { useMe } from '../hooks/useMe'
import { emptyDocument } from '../lib/document'
import type { Problems } from '../lib/formKeys'
import { plural } from '../lib/numbers'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Prose } from '../ui/Prose'
import { ReviewEdit } from './ReviewEdit'

interface Props {
  draft: Pick<FormDraft<object>, 'changed' | 'outdated' | 'tried' | 'reviewing' | 'save' | 'close' | 'discard' | 'forget'>
  /** such as `alarm` */
  what: string
  /** it is not in the configuration yet, and can be saved as it is */
  fresh?: boolean
  /** shown once somebody tried to save */
  problems: Problems
  /** findings of the edge that are errors */
  wrong: number
  /** those that no field shows */
  others?: readonly Finding[]
  /** the text with it */
  write: (text: string) => string
  comment: string
  /** where to go once it is saved */
  to: string
  children: ReactNode
}

export function ItemForm({ draft, what, fresh = false, problems, wrong, others = [], write, comment, to, children }: Props) {
  const { edge } = useMe()
  const { changed } = draft
  return (
    <>
      {draft.outdated && (
        <Notice tone="warn" title={`Somebody else changed this ${what} after you began`}>
          <span>Reviewing compares yours with what runs now.</span>
          <div>
            <Button onClick={draft.discard}>Discard mine, take the newer one</Button>
          </div>
        </Notice>
      )}
      {children}
      {others.length > 0 && <FindingList findings={others} withoutLines />}
      <div className={changed ? 'step-foot rule-foot' : 'step-foot rule-foot is-idle'}>
        <Button kind="primary" onClick={() => draft.save(problems, wrong)} whyNot={!changed && !fresh ? 'Nothing is changed yet.' : wrong > 0 ? `Mend ${plural(wrong, 'finding')} first.` : undefined}>
          Review and save
        </Button>
        {changed && <Button onClick={draft.discard}>Discard changes</Button>}
        <span role="status" className="problem">
          {draft.tried && problems.size > 0 && (
            <span>
              <Prose text={`${plural(problems.size, 'field')} to mend: ${[...problems.values()][0] ?? ''}`} />
            </span>
          )}
        </span>
      </div>
      {draft.reviewing && <ReviewEdit edit={(running) => write(running?.text ?? emptyDocument(edge))} comment={comment} to={to} onClose={draft.close} onSaved={draft.forget} onDiscarded={draft.discard} />}
    </>
  )
}
