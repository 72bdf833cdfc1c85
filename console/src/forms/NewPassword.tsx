/** A new password: its rules stated, visible on request, so that it need not be typed twice. */
import { useState } from 'react'

import { passwordRules } from '../lib/password'
import { TextField } from '../ui/Field'

interface Props {
  label?: string
  value: string
  onChange: (value: string) => void
  problem?: string | undefined
}

export function NewPassword({ label = 'Password', value, onChange, problem }: Props) {
  const [shown, setShown] = useState(false)
  return (
    <div className="new-password">
      <TextField
        label={label}
        hint={passwordRules}
        type={shown ? 'text' : 'password'}
        autoComplete="new-password"
        autoCapitalize="none"
        spellCheck={false}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        problem={problem}
      />
      <label className="checkbox">
        <input type="checkbox" checked={shown} onChange={(event) => setShown(event.target.checked)} />
        Show password
      </label>
    </div>
  )
}
