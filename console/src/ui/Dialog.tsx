/** A modal dialog or drawer on the browser's own <dialog>: it keeps the focus, and Escape closes it. */
import { useId, useLayoutEffect, useRef, type ReactNode } from 'react'

import { IconButton } from './Button'

interface Props {
  title: string
  kind?: 'modal' | 'modal wide' | 'drawer'
  onClose: () => void
  children: ReactNode
  foot?: ReactNode
}

export function Dialog({ title, kind = 'modal', onClose, children, foot }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const id = useId()
  useLayoutEffect(() => {
    const dialog = ref.current
    const opener = document.activeElement
    dialog?.showModal()
    heading.current?.focus()
    return () => {
      dialog?.close()
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      className={kind}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <div className="dialog-head">
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton name="close" label="Close" onClick={onClose} />
      </div>
      <div className="dialog-body">{children}</div>
      {foot !== undefined && <div className="dialog-foot">{foot}</div>}
    </dialog>
  )
}
