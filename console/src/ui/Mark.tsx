/** A state as icon and word; the colour only repeats what they say. */
import type { ReactNode } from 'react'

import { Icon, type IconName } from './Icon'

export type MarkTone = 'good' | 'warn' | 'bad' | 'off'

interface Props {
  tone: MarkTone
  icon: IconName
  chip?: boolean
  children: ReactNode
}

export function Mark({ tone, icon, chip, children }: Props) {
  return (
    <span className={`mark ${tone} ${chip === true ? 'chip' : ''}`}>
      <Icon name={icon} />
      {children}
    </span>
  )
}
