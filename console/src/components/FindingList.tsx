/** Findings as a list; choosing one goes to its line. */
import type { Finding } from '../api/types'
import { Icon } from '../ui/Icon'
import { Prose } from '../ui/Prose'

interface Props {
  findings: readonly Finding[]
  dropped?: number
  onChoose?: (finding: Finding) => void
  /** what was checked has no lines a person could look at */
  withoutLines?: boolean
}

export function FindingList({ findings, dropped = 0, onChoose, withoutLines = false }: Props) {
  return (
    <ol className="findings">
      {findings.map((finding) => {
        const content = (
          <>
            <Icon name={finding.weight === 'error' ? 'cross' : 'warning'} />
            <span className="finding-text">
              <span className="finding-place">
                <span className="visually-hidden">{finding.weight} in </span>
                {!withoutLines && `line ${finding.line}`}
                <code>{finding.path}</code>
              </span>
              <strong>
                <Prose text={finding.problem} />
              </strong>
              <span>
                <Prose text={finding.remedy} />
              </span>
            </span>
          </>
        )
        return (
          <li key={`${finding.line}:${finding.column}:${finding.path}:${finding.problem}`} className={finding.weight}>
            {onChoose === undefined ? (
              <div className="finding">{content}</div>
            ) : (
              <button type="button" className="finding" onClick={() => onChoose(finding)}>
                {content}
              </button>
            )}
          </li>
        )
      })}
      {dropped > 0 && <li className="muted small">and {dropped} more that are not listed: mend these first.</li>}
    </ol>
  )
}
