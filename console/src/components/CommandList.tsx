/** Commands with what became of them, in plain words. */
import type { Command } from '../api/types'
import { outcome } from '../lib/command'
import { moment } from '../lib/time'
import { withUnit } from '../lib/tag'
import { Mark } from '../ui/Mark'

export function CommandList({ commands, unit }: { commands: Command[]; unit: string | undefined }) {
  if (commands.length === 0) return <p className="muted">Nothing was written to this tag lately.</p>
  return (
    <ul className="commands">
      {commands.map((command) => {
        const { tone, icon, word } = outcome(command)
        return (
          <li key={command.id}>
            <Mark tone={tone} icon={icon}>
              {word}
            </Mark>
            <span>
              {command.old_text !== undefined && `${command.old_text} → `}
              <strong>{withUnit(command.text, unit)}</strong>
            </span>
            <span className="muted small">
              {command.by}, {moment(command.created_at)}
            </span>
            {command.reason !== undefined && <span className="small sub">{command.reason}</span>}
          </li>
        )
      })}
    </ul>
  )
}
