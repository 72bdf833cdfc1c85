/** The change of the configuration that a form comes to, on top of whatever runs by now. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useNavigate } from 'react-router'

import { configQuery, queryClient } from '../api/queries'
import type { RunningConfig } from '../api/types'
import { ReviewChanges } from './ReviewChanges'

interface Props {
  /** the new text, out of what runs */
  edit: (running: RunningConfig | null) => string
  comment: string
  onClose: () => void
  onSaved: () => void
  /** where to go then; unless told, nowhere */
  to?: string
  /** a device, rule or such that is removed by it, and not asked for again */
  gone?: string
  /** what is done instead when it is given up, and where to go then; unless told, nowhere */
  onDiscarded?: () => void
  back?: string
}

export function ReviewEdit({ edit, comment, onClose, onSaved, to, gone, onDiscarded = onSaved, back }: Props) {
  const running = useSuspenseQuery(configQuery).data
  const navigate = useNavigate()
  // The dialog is open on one change; only what it is made to may be another revision by now.
  const [change] = useState(() => edit)
  const text = useMemo(() => change(running), [change, running])
  return (
    <ReviewChanges
      draft={{ base: running?.revision ?? 0, text }}
      running={running}
      comment={comment}
      onClose={onClose}
      onDiscard={() => {
        onDiscarded()
        onClose()
        if (back !== undefined) void navigate(back)
        void queryClient.invalidateQueries(configQuery)
      }}
      onRebase={() => {}}
      onApplied={async () => {
        onSaved()
        if (to !== undefined) await navigate(to)
        onClose()
        await queryClient.invalidateQueries({ predicate: ({ queryKey: [kind, name] }) => kind !== 'diff' && (gone === undefined || name !== gone) })
      }}
    />
  )
}
