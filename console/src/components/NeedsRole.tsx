/** What stands where a page would, for those whose role does not reach. */
import type { ReactNode } from 'react'

import type { Role } from '../api/types'
import { useMe } from '../hooks/useMe'
import { whyNot } from '../lib/roles'
import { Notice } from '../ui/Notice'

export function NeedsRole({ needed, what, children }: { needed: Role; what: string; children: ReactNode }) {
  const cannot = whyNot(useMe().role, needed, what)
  if (cannot === undefined) return children
  return (
    <Notice tone="info" title={cannot}>
      <span>Ask someone who has it, or an administrator to change your role.</span>
    </Notice>
  )
}
