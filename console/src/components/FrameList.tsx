/** What went over the wire: when, which way, its bytes and what they mean. */
import type { Frame } from '../api/types'
import { clockMs } from '../lib/time'

const arrows: Record<Frame['direction'], string> = { sent: '→', received: '←', note: '·' }

interface Props {
  frames: Frame[]
  label: string
  /** a log that grows is not read out line by line */
  live?: boolean
}

export function FrameList({ frames, label, live = false }: Props) {
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="frames" role="region" aria-label={label} aria-live={live ? 'off' : undefined} tabIndex={0}>
      <ol className="frame-list">
        {frames.map((frame) => (
          <li key={frame.number} className={frame.direction}>
            <time className="frame-time" dateTime={frame.at}>
              {clockMs(frame.at)}
            </time>
            <span className="frame-direction">
              <span aria-hidden="true">{arrows[frame.direction]}</span> {frame.direction}
              {frame.direction !== 'note' && <small> {frame.bytes} B</small>}
            </span>
            <span className="frame-text">
              <span className="frame-meaning">{frame.meaning}</span>
              {frame.hex !== '' && <code className="frame-hex">{frame.hex}{frame.hex.length / 3 < frame.bytes - 1 ? ' …' : ''}</code>}
            </span>
          </li>
        ))}
      </ol>
    </div>
  )
}

export function framesText(frames: Frame[]): string {
  return frames
    .map((frame) => `${frame.at}\t${frame.direction}\t${frame.direction === 'note' ? '' : `${frame.bytes} B`}\t${frame.meaning}${frame.hex === '' ? '' : `\n\t\t\t${frame.hex}`}\n`)
    .join('')
}
