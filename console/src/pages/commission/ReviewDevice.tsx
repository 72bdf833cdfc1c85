/** The change of the configuration that a commissioning comes to, on top of whatever runs by now. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useNavigate } from 'react-router'

import { configQuery, queryClient } from '../../api/queries'
import type { RunningConfig } from '../../api/types'
import { ReviewChanges } from '../../forms/ReviewChanges'
import { paths } from '../../paths'

interface Props {
  /** the new text, out of what runs */
  edit: (running: RunningConfig | null) => string
  comment: string
  onClose: () => void
  onSaved: () => void
  /** where to go then */
  to: string
  /** a device that is removed by it, and not asked for again */
  gone?: string
}

export function ReviewDevice({ edit, comment, onClose, onSaved, to, gone }: Props) {
  const running = useSuspenseQuery(configQuery).data
  const navigate = useNavigate()
  return (
    <ReviewChanges
      // Another revision that was applied meanwhile is what the change is made to.
      draft={{ base: running?.revision ?? 0, text: edit(running) }}
      running={running}
      comment={comment}
      onClose={onClose}
      onDiscard={() => {
        onSaved()
        void navigate(paths.overview)
      }}
      onRebase={() => {}}
      onApplied={async () => {
        onSaved()
        await navigate(to)
        await queryClient.invalidateQueries({ predicate: ({ queryKey: [kind, name] }) => kind !== 'diff' && (gone === undefined || name !== gone) })
      }}
    />
  )
}
