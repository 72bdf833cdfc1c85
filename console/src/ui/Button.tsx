/** A button that, when it cannot be used, stays focusable and says why. Its elements stay the same ones when a
 * reason comes or goes: a button made anew would lose the focus. */
import { useId, type ReactNode } from 'react'

import { Icon, type IconName } from './Icon'

interface Props {
  children: ReactNode
  onClick?: () => void
  kind?: 'plain' | 'primary' | 'danger' | 'quiet'
  type?: 'button' | 'submit'
  icon?: IconName
  busy?: boolean
  /** why it cannot be used now */
  whyNot?: string | undefined
  className?: string
}

export function Button({ children, onClick, kind = 'plain', type = 'button', icon, busy, whyNot, className }: Props) {
  const id = useId()
  const disabled = whyNot !== undefined || busy === true
  return (
    <span className={whyNot === undefined ? 'button-alone' : 'button-why'}>
      <button
        type={disabled ? 'button' : type}
        className={`button ${kind} ${className ?? ''}`}
        aria-disabled={disabled || undefined}
        aria-busy={busy || undefined}
        aria-describedby={whyNot === undefined ? undefined : id}
        onClick={disabled ? undefined : onClick}
      >
        {busy === true ? <Icon name="turning" className="spin" /> : icon !== undefined && <Icon name={icon} />}
        {children}
      </button>
      {whyNot !== undefined && (
        <span className="why" id={id}>
          {whyNot}
        </span>
      )}
    </span>
  )
}

export function IconButton({ name, label, onClick }: { name: IconName; label: string; onClick: () => void }) {
  return (
    <button type="button" className="button quiet icon-only" aria-label={label} title={label} onClick={onClick}>
      <Icon name={name} />
    </button>
  )
}
