/** A message to the reader: what happened, and what to do next. */
import type { ReactNode } from 'react'

import { Icon, type IconName } from './Icon'

export type Tone = 'info' | 'good' | 'warn' | 'bad'

const icons: Record<Tone, IconName> = { info: 'info', good: 'check', warn: 'warning', bad: 'cross' }

export function Notice({ tone, title, children }: { tone: Tone; title: ReactNode; children?: ReactNode }) {
  return (
    <div className={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon name={icons[tone]} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
    </div>
  )
}
