/** Two texts, line by line. */
import { lineDiff } from '../lib/diff'

const signs = { same: ' ', added: '+', removed: '−', skipped: '⋯' }
const words = { same: '', added: 'added: ', removed: 'removed: ', skipped: 'unchanged lines' }

export function TextDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = lineDiff(before, after)
  if (lines.every((line) => line.kind === 'same' || line.kind === 'skipped')) {
    return <p className="muted">The texts are the same.</p>
  }
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="text-diff" role="region" aria-label={label} tabIndex={0}>
      <table>
        <tbody>
          {lines.map((line, index) => (
            <tr key={`${line.kind} ${line.before ?? ''} ${line.after ?? index}`} className={line.kind}>
              <td className="line-number">{line.before}</td>
              <td className="line-number">{line.after}</td>
              <td className="sign">
                <span aria-hidden="true">{signs[line.kind]}</span>
                <span className="visually-hidden">{words[line.kind]}</span>
              </td>
              <td>{line.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
