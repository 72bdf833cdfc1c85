/** Dead letters, to be looked at and chosen. */
import { Link } from 'react-router'

import type { DeadLetter } from '../api/ledger'
import { isChosen, type Chosen } from '../lib/letters'
import { count } from '../lib/numbers'
import { moment } from '../lib/time'
import { paths } from '../paths'
import { Mark } from '../ui/Mark'
import { Ago } from './Since'

interface Props {
  letters: DeadLetter[]
  chosen: Chosen
  onTurn: (letter: DeadLetter) => void
  onTurnPage: () => void
}

export function DeadLetterTable({ letters, chosen, onTurn, onTurnPage }: Props) {
  const all = letters.every((letter) => isChosen(chosen, letter))
  return (
    <>
      <label className="checkbox letters-page">
        <input type="checkbox" checked={all} onChange={onTurnPage} /> Choose all of this page
      </label>
      <table className="table row-cards letters">
        <thead>
          <tr>
            <th scope="col" className="cell-choose">
              <span className="checkbox">
                <input type="checkbox" aria-label="Choose all of this page" checked={all} onChange={onTurnPage} />
              </span>
            </th>
            <th scope="col">Refused</th>
            <th scope="col">Reason, as the destination gave it</th>
            <th scope="col">Samples of</th>
            <th scope="col" className="number">
              Samples
            </th>
            <th scope="col" className="number">
              Tries
            </th>
          </tr>
        </thead>
        <tbody>
          {letters.map((letter) => (
            <Row key={`${letter.sink}/${letter.id}`} letter={letter} chosen={isChosen(chosen, letter)} onTurn={() => onTurn(letter)} />
          ))}
        </tbody>
      </table>
    </>
  )
}

function Row({ letter, chosen, onTurn }: { letter: DeadLetter; chosen: boolean; onTurn: () => void }) {
  return (
    <tr className={chosen ? 'chosen' : ''}>
      <td className="cell-choose">
        <label className="checkbox">
          <input type="checkbox" checked={chosen} onChange={onTurn} aria-label={`Choose the one of ${letter.device}, ${letter.group}, to ${letter.sink} at ${moment(letter.time)}`} />
        </label>
      </td>
      <th scope="row" className="letter-time">
        <time dateTime={letter.time}>{moment(letter.time)}</time>
        <span className="sub">
          <Ago time={letter.time} />, by {letter.sink}
        </span>
      </th>
      <td className="letter-reason">
        {letter.reason}
        {!letter.retriable && (
          <span className="sub">
            <Mark tone="warn" icon="warning">
              can only be discarded
            </Mark>{' '}
            the journal holds its samples no longer
          </span>
        )}
      </td>
      <td data-label="samples of">
        <Link to={paths.device(letter.device)}>{letter.device}</Link>
        <span className="sub">group {letter.group}</span>
      </td>
      <td className="number" data-label="samples">
        {count(letter.samples)}
      </td>
      <td className="number muted" data-label="tries">
        {count(letter.tries)}
      </td>
    </tr>
  )
}
